"""The evidence pack of a report: model card, CLAIM 2024 and TRIPOD+AI, filled in from artefacts."""

from __future__ import annotations

from pathlib import Path

from covidcxr.core.artefacts import write_text
from covidcxr.core.outside_text import without_html
from covidcxr.outputs.checklist import Checklist, checklist_markdown
from covidcxr.outputs.page import Cell, Row, Section, Table
from covidcxr.report.checklists import data_facts, model_facts, result_facts
from covidcxr.report.checklists.claim import CLAIM
from covidcxr.report.checklists.fact import FACTS, Fact
from covidcxr.report.checklists.guideline import fill
from covidcxr.report.checklists.model_card import model_card
from covidcxr.report.checklists.statements import COPY, statements_toml
from covidcxr.report.checklists.tripod import TRIPOD_AI
from covidcxr.report.study import Study

FOLDER = "evidence"
MODEL_CARD = "MODEL_CARD.md"
_ROOMS = (data_facts, model_facts, result_facts)  # importing them registers their facts


def collect_facts(study: Study) -> dict[str, Fact]:
    """Return every fact that the artefacts of ``study`` hold, by name."""
    found = {name: make(study) for name, make in FACTS.items()}
    return {name: entry for name, entry in found.items() if entry is not None}


def checklists(study: Study) -> tuple[Checklist, ...]:
    """Return both checklists, filled in as far as the artefacts go."""
    facts = collect_facts(study)
    return tuple(fill(guideline, facts, study.statements) for guideline in (CLAIM, TRIPOD_AI))


def write_evidence(study: Study, folder: Path) -> None:
    """Write the pack into ``folder``, which must exist.

    Raises:
        OutputError: If the place cannot be written.
    """
    subject = study.info.title or study.info.name
    write_text(folder / MODEL_CARD, without_html(model_card(study)))
    if study.statements:
        write_text(folder / COPY, statements_toml(study.statements))
    for checklist in checklists(study):
        write_text(folder / f"{checklist.name}.md", without_html(checklist_markdown(checklist, subject=subject)))


def evidence_section(study: Study) -> Section:
    """Return how much of each checklist the artefacts answer, and which items are open."""
    rows = []
    for checklist in checklists(study):
        open_items = ", ".join(item.number for item in checklist.items if not item.filled) or "none"
        share = f"{checklist.num_filled} of {len(checklist.items)}"
        part = f"{checklist.num_partial} of them in part"
        rows.append(
            Row(
                cells=(
                    Cell(text=checklist.title, sub=checklist.citation),
                    Cell(text=share, sub=part),
                    Cell(text=open_items),
                )
            )
        )
    table = Table(
        caption=f"Reporting checklists in {FOLDER}/, each answer with the artefact it comes from.",
        columns=("Guideline", "Answered", "Open items, for the author"),
        rows=tuple(rows),
        wordy=True,
    )
    return Section(anchor="evidence", title="Evidence pack", blocks=(table,))
