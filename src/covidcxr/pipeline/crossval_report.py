"""The report of a leave-one-source-out evaluation: a table and a forest over sources, what is not estimable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import covidcxr
from covidcxr.core.types import EvaluationReport
from covidcxr.evaluation.verdict import target_class
from covidcxr.outputs.figures.forest import ForestRow, draw_forest
from covidcxr.outputs.figures.style import write_drawings
from covidcxr.outputs.html import drawings_of, write_page
from covidcxr.outputs.page import (
    NOTICE,
    Block,
    Cell,
    Facts,
    FigureBlock,
    Findings,
    Headline,
    Page,
    Row,
    Section,
    Table,
    metric_cell,
    number,
)
from covidcxr.outputs.report_json import cohort_document, write_json
from covidcxr.pipeline.crossval import Crossval, Fold

_OVERALL = ("accuracy", "balanced_accuracy", "auroc_macro")


def write_crossval(result: Crossval, folder: Path, *, command: str) -> None:
    """Write the report into the existing, empty ``folder``.

    Raises:
        OutputError: If the place cannot be written.
    """
    page = crossval_page(result, command=command)
    (folder / "figures").mkdir()
    write_page(page, folder / "report.html")
    write_drawings(drawings_of(page), folder / "figures")
    write_json(crossval_document(result), folder / "report.json")


def crossval_document(result: Crossval) -> dict[str, Any]:
    """Return what ``report.json`` and ``--json`` say."""
    return {
        "notice": NOTICE,
        "synthetic": result.dataset.synthetic,
        "recipe": result.recipe.name,
        "dataset": result.dataset.digest,
        "classes": list(result.dataset.classes),
        "single_source": dict(result.single_source),
        "folds": [_fold_document(fold) for fold in result.folds],
        "pooled": cohort_document(result.pooled) if result.pooled else None,
    }


def crossval_page(result: Crossval, *, command: str = "") -> Page:
    """Return the page of a leave-one-source-out evaluation."""
    trained = [fold for fold in result.folds if fold.report is not None]
    target = target_class(result.dataset.classes)
    blocks: list[Block] = [_table(result, target)]
    rows = [_forest_row(fold.source, fold.report, target) for fold in trained if fold.report is not None]
    if result.pooled is not None:
        rows.append(_forest_row("all, each left out", result.pooled, target))
    if rows:
        drawing = draw_forest(
            "left-out-sources",
            f"Sensitivity for {target} on sources never seen",
            rows,
            axis_label="sensitivity",
            caption="With 95 % intervals; patients are drawn.",
        )
        blocks.append(FigureBlock(drawing=drawing))
    missing = _not_estimable(result)
    if missing:
        blocks.insert(0, Findings(title="Not estimable", items=missing))
    facts = (
        ("Command", command or "Python API: covidcxr.pipeline.crossval"),
        ("Recipe", f"{result.recipe.name}; the validation part is carved by patient in every fold"),
        ("Dataset", f"{result.dataset.name}, digest {result.dataset.digest}"),
    )
    return Page(
        kicker="covidcxr leave-one-source-out evaluation",
        title=result.recipe.title,
        subtitle=f"{len(trained)} of {len(result.folds)} sources could be left out of {result.dataset.name}",
        headline=Headline(score=_score(result, target), worth=missing),
        sections=(
            Section(anchor="sources", title="One source left out at a time", blocks=tuple(blocks)),
            Section(anchor="provenance", title="Provenance", blocks=(Facts(items=facts),)),
        ),
        synthetic=result.dataset.synthetic,
        footer=f"covidcxr {covidcxr.__version__}. Every number is also in report.json.",
    )


def _score(result: Crossval, target: str) -> str:
    if result.pooled is None:
        return (
            "No source could be left out: every fold would lose a class, so how the network does elsewhere is unknown."
        )
    metric = result.pooled.metrics[f"sensitivity/{target}"]
    words = number(metric.value, digits=2) if metric.value is not None else f"not estimable ({metric.reason})"
    return f"On sources that the network never saw, its sensitivity for {target} is {words}."


def _not_estimable(result: Crossval) -> tuple[str, ...]:
    sentences = [f"Without {fold.source}: {fold.reason}." for fold in result.folds if fold.reason]
    return tuple(sentences)


def _table(result: Crossval, target: str) -> Table:
    per_class = [f"sensitivity/{label}" for label in result.dataset.classes]
    names = [*_OVERALL, *per_class, f"auroc/{target}"]
    rows = [_row(fold.source, fold.report, names, fold) for fold in result.folds]
    if result.pooled is not None:
        rows.append(_row("all, each left out", result.pooled, names, None))
    return Table(
        caption="Figures on each source by a network that never saw it",
        columns=("source", *(name.replace("_", " ").replace("/", ", ") for name in names)),
        rows=tuple(rows),
        notes=("Intervals are 95 %, by patient-clustered bootstrap.",),
    )


def _row(name: str, report: EvaluationReport | None, names: list[str], fold: Fold | None) -> Row:
    if report is None:
        empty = Cell(text="not estimable", tone="muted")
        return Row(cells=(Cell(text=name, sub=fold.reason if fold else ""), *(empty for _ in names)))
    trained = f", trained on {fold.num_train}" if fold else ""
    sub = f"{report.num_images} images, {report.num_patients} patients{trained}"
    return Row(cells=(Cell(text=name, sub=sub), *(metric_cell(report.metrics[metric]) for metric in names)))


def _forest_row(name: str, report: EvaluationReport, target: str) -> ForestRow:
    metric = report.metrics[f"sensitivity/{target}"]
    note = f"n = {metric.num_cases}" if metric.value is not None else metric.reason
    return ForestRow(label=name, value=metric.value, low=metric.low, high=metric.high, note=note)


def _fold_document(fold: Fold) -> dict[str, Any]:
    return {
        "source": fold.source,
        "num_train": fold.num_train,
        "num_dropped": fold.num_dropped,
        "reason": fold.reason,
        "cohort": cohort_document(fold.report) if fold.report else None,
    }
