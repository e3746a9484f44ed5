"""The audits as a part of a report: a forest of retained skill, a table of findings, and what the network was given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from covidcxr.audit.result import AuditResult, Skill
from covidcxr.audit.wording import share
from covidcxr.outputs.figures.forest import ForestRow, draw_forest
from covidcxr.outputs.page import Cell, FigureBlock, Findings, Gallery, Picture, Row, Section, Table, Tone, metric_cell
from covidcxr.outputs.report_json import metric_document

_EXPECTED = {
    "lose": "a sound network: near 0 %",
    "keep": "a sound network: near 100 %",
    "context": "says little by itself",
    "control": "a control of the audit itself",
}


def audit_section(results: Sequence[AuditResult], focus: str) -> Section:
    """Return the audits' section of a report page; ``focus`` is the class whose skill leads."""
    flagged = [result for result in results if result.flagged]
    items = tuple(result.sentence for result in flagged) or ("No audit found a shortcut.",)
    tone: Tone = "bad" if flagged else "good"
    pictures = tuple(
        Picture(jpeg=result.picture, title=result.title, lines=(result.question,), alt=result.question)
        for result in results
        if result.picture is not None
    )
    return Section(
        anchor="audits",
        title="Shortcut audits",
        lead=(
            "Each audit takes something away that a network must not need, or looks for something it must not know. "
            f"Retained skill is (AUROC of what is left - 0.5) / (AUROC - 0.5), here for {focus} first."
        ),
        blocks=(
            Findings(title="What the audits found", items=items, tone=tone),
            FigureBlock(drawing=draw_forest(
                "audits", "Skill that is left", [_forest_row(result) for result in results],
                axis_label="retained skill", reference=0.0,
                caption="Share of the skill that is left in each audit, with 95 % confidence intervals; 0 is guessing.",
            )),
            Table(
                caption="Audits, class by class",
                columns=("audit", "class", "AUROC before", "AUROC left", "retained skill", "finding"),
                rows=tuple(row for result in results for row in _rows(result)),
                notes=tuple(dict.fromkeys(note for result in results for note in result.notes)),
                wordy=True,
            ),
            Gallery(
                caption="What the network was given: as it is above, altered below", pictures=pictures, strips=True,
            ),
        ),
    )  # fmt: skip


def audit_document(results: Sequence[AuditResult]) -> list[dict[str, Any]]:
    """Return the audits as JSON."""
    return [
        {
            "name": result.name,
            "title": result.title,
            "question": result.question,
            "expectation": result.expectation,
            "threshold": result.threshold,
            "flagged": list(result.flagged),
            "sentence": result.sentence,
            "notes": list(result.notes),
            "classes": {
                skill.label: {
                    "auroc": metric_document(skill.whole) if skill.whole else None,
                    "auroc_left": metric_document(skill.part),
                    "retained_skill": metric_document(skill.retained),
                }
                for skill in result.skills
            },
        }
        for result in results
    ]


def _forest_row(result: AuditResult) -> ForestRow:
    head = result.skills[0].retained
    note = _EXPECTED[result.expectation] if head.value is not None else "not estimable"
    return ForestRow(
        label=result.title,
        value=None if head.value is None else _shown(head.value),
        low=None if head.low is None else _shown(head.low),
        high=None if head.high is None else _shown(head.high),
        note=note,
        soft=result.expectation in {"context", "control"},
    )


def _shown(value: float) -> float:
    return min(max(value, -1.0), 1.0)


def _rows(result: AuditResult) -> list[Row]:
    rows = [Row(cells=(Cell(text=result.title, sub=result.sentence),), heading=True)]
    return rows + [_row(result, skill) for skill in result.skills]


def _row(result: AuditResult, skill: Skill) -> Row:
    is_flagged = skill.label in result.flagged
    retained = Cell(text=share(skill.retained), sub=skill.retained.reason, tone="bad" if is_flagged else "")
    words = {"control": "control failed"}.get(result.expectation, "flagged") if is_flagged else "–"
    return Row(
        cells=(
            Cell(text=""),
            Cell(text=skill.label),
            metric_cell(skill.whole),
            metric_cell(skill.part),
            retained,
            Cell(text=words, tone="bad" if is_flagged else "muted"),
        )
    )
