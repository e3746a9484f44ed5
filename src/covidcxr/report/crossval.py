"""The report of a cross-validation: what a network finds in the source, or the patients, that it never saw."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from covidcxr.core.notice import NOTICE
from covidcxr.core.types import Metric
from covidcxr.core.version import release
from covidcxr.dataset.dataset import Dataset
from covidcxr.metrics.comparison import independent_difference
from covidcxr.outputs.figures.forest import ForestRow, draw_forest
from covidcxr.outputs.page import (
    Cell,
    Facts,
    FigureBlock,
    Findings,
    Headline,
    Page,
    Row,
    Section,
    Table,
    difference_cell,
    metric_cell,
    number,
)
from covidcxr.outputs.report_files import write_report_files
from covidcxr.outputs.report_json import cohort_document, metric_document
from covidcxr.report.crossval_result import CrossvalResult, FoldResult


def write_crossval(result: CrossvalResult, dataset: Dataset, folder: Path, *, command: str) -> None:
    """Write the report into the existing, empty ``folder``.

    Raises:
        OutputError: If the place cannot be written.
    """
    page = crossval_page(result, dataset, command=command)
    write_report_files(page, crossval_document(result), folder)


def crossval_document(result: CrossvalResult) -> dict[str, Any]:
    """Return what ``report.json`` and ``--json`` say."""
    return {
        "notice": NOTICE,
        "synthetic": result.synthetic,
        "recipe": result.recipe.name,
        "by": result.by,
        "target": result.target,
        "folds": [
            {
                "name": entry.fold.name,
                "num_train": len(entry.fold.train),
                "num_outside": len(entry.fold.outside),
                "not_estimable": entry.fold.reason,
                "outside": cohort_document(entry.outside) if entry.outside else None,
                "inside": cohort_document(entry.inside) if entry.inside else None,
                "change": {change.name: metric_document(change) for change in _changes(entry, result.target)},
            }
            for entry in result.folds
        ],
        "pooled": cohort_document(result.pooled) if result.pooled else None,
        "changed": result.changed,
    }


def crossval_page(result: CrossvalResult, dataset: Dataset, *, command: str = "") -> Page:
    """Return the page of a cross-validation."""
    what = "one source" if result.by == "source" else "a part of the patients"
    facts = (
        ("Command", command or "Python API: covidcxr.pipeline.crossval"),
        ("covidcxr", release()),
        ("Recipe", result.recipe.name),
        ("Dataset", f"{dataset.name}, digest {dataset.digest}"),
    )
    sections = (
        Section(anchor="folds", title="Fold by fold", blocks=_fold_blocks(result)),
        Section(anchor="provenance", title="Provenance", blocks=(Facts(items=facts),)),
    )
    return Page(
        kicker="covidcxr cross-validation",
        title=f"{result.recipe.title}, each time without {what}",
        subtitle=f"{len(result.folds)} folds of {dataset.name}",
        headline=_headline(result),
        sections=sections,
        synthetic=result.synthetic,
        footer=f"covidcxr {release()}. Every number is also in report.json.",
    )


def _headline(result: CrossvalResult) -> Headline:
    lost = tuple(
        f"{entry.fold.name}: not estimable, {entry.fold.reason}." for entry in result.folds if entry.fold.reason
    )
    if result.pooled is None:
        score = "Not one fold is estimable: every source is the only one of some class."
        return Headline(score=score, worth=lost, change=("every class from two sources at least",))
    metric = result.pooled.metrics[f"sensitivity/{result.target}"]
    words = (
        f"{number(metric.value)} of the {result.target} images"
        if metric.value is not None
        else f"no {result.target} image"
    )
    limits = f" (95 % confidence interval {metric.low:.3f} to {metric.high:.3f})" if metric.low is not None else ""
    score = (
        f"Of what it had never seen a source of, the network finds {words}{limits}."
        if result.by == "source"
        else f"In patients that it had never seen, the network finds {words}{limits}."
    )
    notes = (*lost, *((result.changed,) if result.changed else ()))
    change = ("every class from two sources at least",) if lost else ()
    return Headline(score=score, worth=notes or ("Every fold could be estimated.",), change=change)


def _fold_blocks(result: CrossvalResult) -> tuple[Table | FigureBlock | Findings, ...]:
    names = _names(result.target)
    rows = []
    for entry in result.folds:
        counts = Counter(sample.label for sample in entry.fold.outside)
        held = ", ".join(f"{label} {counts[label]}" for label in result.recipe.dataset.classes if counts[label])
        rows.append(Row(cells=(Cell(text=entry.fold.name, sub=f"held out: {held}"),), heading=True))
        if entry.fold.reason:
            rows.append(Row(cells=(Cell(text="not estimable", sub=entry.fold.reason), *[Cell(text="–")] * 3)))
            continue
        rows += [
            Row(cells=(Cell(text=label), *(metric_cell(report.metrics[name]) for _, name in names)))
            for label, report in (("held out", entry.outside), ("inside", entry.inside))
            if report is not None
        ]
        if changes := _changes(entry, result.target):
            words = Cell(text="change", sub="from inside to held out")
            rows.append(Row(cells=(words, *(difference_cell(change) for change in changes))))
    if result.pooled is not None:
        rows.append(Row(cells=(Cell(text="All that was held out"),), heading=True))
        cells = (metric_cell(result.pooled.metrics[name]) for _, name in names)
        rows.append(Row(cells=(Cell(text=f"{result.pooled.num_images:,} images"), *cells)))
    table = Table(
        caption="What each network scores on what was held out, and inside the sources that it was trained on.",
        columns=("", *(label for label, _ in names)),
        rows=tuple(rows),
        notes=("A source that holds one class only shows that class's sensitivity; the AUROC needs both sides.",),
    )
    drawing = draw_forest(
        "folds",
        f"Sensitivity for {result.target}, held out and inside",
        [row for entry in result.folds for row in _forest_rows(entry, result.target)],
        axis_label=f"Sensitivity, {result.target}",
        caption="Orange: the source or patients held out; blue: test images of the sources trained on.",
    )
    return table, FigureBlock(drawing=drawing)


def _names(target: str) -> list[tuple[str, str]]:
    return [
        ("Accuracy", "accuracy"),
        (f"Sensitivity, {target}", f"sensitivity/{target}"),
        (f"AUROC, {target}", f"auroc/{target}"),
    ]


def _changes(entry: FoldResult, target: str) -> list[Metric]:
    """Return held out less inside, for the metrics of the table; nothing where one of the two was not measured."""
    if entry.inside is None or entry.outside is None:
        return []
    return [
        independent_difference(entry.inside.metrics[name], entry.outside.metrics[name]) for _, name in _names(target)
    ]


def _forest_rows(entry: FoldResult, target: str) -> list[ForestRow]:
    if entry.outside is None:
        return [ForestRow(label=entry.fold.name, heading=True, note="not estimable")]
    rows = [ForestRow(label=entry.fold.name, heading=True)]
    for label, report, series in (("held out", entry.outside, 0), ("inside", entry.inside, 1)):
        if report is not None:
            rows.append(_forest_row(label, report.metrics[f"sensitivity/{target}"], series))
    return rows


def _forest_row(label: str, metric: Metric, series: int) -> ForestRow:
    return ForestRow(
        label=label, value=metric.value, low=metric.low, high=metric.high, note=metric.reason, series=series
    )
