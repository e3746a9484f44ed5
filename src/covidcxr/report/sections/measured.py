"""What was measured: cohorts side by side, the change between them, calibration, subgroups."""

from __future__ import annotations

import numpy as np

from covidcxr.core.types import Metric
from covidcxr.evaluation.curves import confidence_reliability
from covidcxr.evaluation.subgroups import GAP, SMALL_PATIENTS
from covidcxr.evaluation.verdict import internal_external_gap
from covidcxr.metrics.comparison import independent_difference
from covidcxr.outputs.figures.confusion import ConfusionPanel, draw_confusion
from covidcxr.outputs.figures.curves import ReliabilityCurve, draw_reliability
from covidcxr.outputs.figures.forest import ForestRow, draw_forest
from covidcxr.outputs.page import (
    Block,
    Cell,
    FigureBlock,
    Findings,
    Row,
    Section,
    Table,
    Tone,
    difference_cell,
    interval,
    metric_cell,
    number,
)
from covidcxr.report.study import CohortResult, Study

_OVERALL = (
    ("Accuracy", "accuracy", "share of images whose class was named right"),
    ("Balanced accuracy", "balanced_accuracy", "mean sensitivity of the classes, however many images each has"),
    ("Macro F1", "macro_f1", "mean over classes of the harmonic mean of sensitivity and PPV"),
    ("Matthews correlation", "mcc", "0 is chance, 1 perfect; counts every cell of the confusion matrix"),
    ("Macro AUROC", "auroc_macro", "mean over classes; 0.5 is chance"),
    ("Micro precision", "micro_precision", "as Keras: right among all probabilities above 0.5"),
    ("Micro recall", "micro_recall", "as Keras: images whose class got more than 0.5"),
    ("Cross-entropy", "cross_entropy", "in nats, against the bare classes; lower is better"),
    ("Brier score", "brier", "squared error of the probabilities, 0 to 2; lower is better"),
    ("Calibration error", "ece", "mean gap between confidence and share right; lower is better"),
)


def cohorts_section(study: Study) -> Section:
    """Return every cohort's overall numbers, internal first, with the change from inside to outside."""
    several = len(study.results) > 1
    blocks: list[Block] = [_overall_table(study) if several else _explained_table(study.main)]
    if several:
        blocks.append(_gap_table(study))
        panels = [_panel(result) for result in study.results]
        blocks += [
            FigureBlock(
                drawing=draw_confusion(f"confusion-cohorts-{at // 2 + 1}", "Confusion matrices", panels[at : at + 2])
            )
            for at in range(0, len(panels), 2)
        ]
    elif study.published is None:
        blocks.append(
            FigureBlock(drawing=draw_confusion("confusion", "Confusion matrix", [_panel(study.main)]), wide=False)
        )
    notes = tuple(f"{result.report.cohort}: {note}" for result in study.results for note in result.report.notes)
    if notes:
        blocks.append(Findings(title="To know when reading these numbers", items=notes))
    title = "Inside and outside" if several else "Overall"
    return Section(anchor="cohorts", title=title, blocks=tuple(blocks))


def gaps(study: Study) -> list[tuple[str, Metric]]:
    """Return the change from the internal cohort, or from what was measured before, to each other cohort, by name."""
    if study.before is not None:
        pairs = [(study.main.report.cohort, internal_external_gap(study.before, study.main.report, study.target))]
    else:
        here = study.main.report
        others = study.external if study.main.internal else ()
        pairs = [(other.report.cohort, internal_external_gap(here, other.report, study.target)) for other in others]
    return [(cohort, independent_difference(pair[1], pair[2])) for cohort, pair in pairs if pair is not None]


def before_section(study: Study) -> Section | None:
    """Return this cohort beside what was measured of the same bundle before; None if nothing is known."""
    before = study.before
    if before is None:
        return None
    here = study.main.report
    rows = []
    for label, name in _change_names(study):
        first, second = before.metrics.get(name), here.metrics[name]
        if first is not None:
            rows.append(Row(cells=(Cell(text=label), metric_cell(first), metric_cell(second), _change(first, second))))
    table = Table(
        caption=f"The same bundle on {before.cohort} ({before.num_images:,} images), as reported before, and here.",
        columns=("", before.cohort, here.cohort, "Change"),
        rows=tuple(rows),
        notes=("Sensitivity and specificity can change with the mix of severities, not only with the hospital.",),
    )
    return Section(anchor="before", title="Before and here", blocks=(table,))


def calibration_section(study: Study) -> Section:
    """Return how far the probabilities can be taken at their word, on every cohort."""
    curves = [_reliability(result) for result in study.results]
    pairs = [curves[at : at + 2] for at in range(0, len(curves), 2)]
    figures = tuple(
        FigureBlock(
            drawing=draw_reliability(
                f"reliability-{position}" if position > 1 else "reliability",
                "Reliability of the stated confidence",
                pair,
            ),
            wide=len(pair) > 1,
        )
        for position, pair in enumerate(pairs, start=1)
    )
    temperature = study.info.temperature
    lead = (
        "The probabilities are the network's own; they were not calibrated."
        if temperature == 1.0
        else f"Logits were divided by the temperature {temperature:.3f}, fitted on the validation part."
    )
    return Section(anchor="calibration", title="Calibration", lead=lead, blocks=figures)


def _reliability(result: CohortResult) -> ReliabilityCurve:
    bins = confidence_reliability(result.cohort)
    error = result.report.metrics["ece"]
    limits = f" ({interval(error)})" if interval(error) else ""
    words = "" if error.value is None else f", ECE {error.value:.3f}{limits}"
    return ReliabilityCurve(
        label=f"{result.report.cohort}{words}",
        confidence=np.array([entry.confidence for entry in bins]),
        share_right=np.array([entry.observed for entry in bins]),
        low=np.array([entry.low for entry in bins]),
        high=np.array([entry.high for entry in bins]),
        confidences=result.cohort.probabilities.max(axis=1),
    )


def subgroups_section(study: Study) -> Section | None:
    """Return accuracy by source, sex, age band and view, with the gap to the rest; None where nothing varies."""
    blocks: list[Block] = []
    for result in study.results:
        if not result.report.subgroups:
            continue
        rows, heading = [], ""
        for name, metrics in result.report.subgroups.items():
            column, _, value = name.partition("=")
            if column != heading:
                heading = column
                rows.append(ForestRow(label=column.capitalize(), heading=True))
            rows.append(_forest_row(result, name, value, metrics["accuracy"]))
        accuracy = result.report.metrics["accuracy"].value
        drawing = draw_forest(
            f"subgroups-{study.results.index(result) + 1}",
            f"Accuracy in subgroups of {result.report.cohort}",
            rows,
            axis_label="Accuracy",
            reference=accuracy,
            caption="The dashed line is the whole cohort; pale rows have fewer than 20 patients.",
        )
        blocks += [FigureBlock(drawing=drawing), _subgroup_table(study, result)]
    if not blocks:
        return None
    lead = (
        "A subgroup that holds one class only shows that class's sensitivity, not fairness: look at what else differs "
        "between the classes before reading a gap as a difference between people."
    )
    return Section(anchor="subgroups", title="Subgroups", lead=lead, blocks=tuple(blocks))


def _overall_table(study: Study) -> Table:
    sizes = [Cell(text=f"{r.report.num_images:,}", sub=f"{r.report.num_patients:,} patients") for r in study.results]
    rows = [Row(cells=(Cell(text="Images"), *sizes))]
    for label, name, _ in _OVERALL:
        cells = [metric_cell(result.report.metrics.get(name)) for result in study.results]
        rows.append(Row(cells=(Cell(text=label), *cells)))
    return Table(
        caption="Overall numbers, with 95 % confidence intervals by patient.",
        columns=("", *(result.report.cohort for result in study.results)),
        rows=tuple(rows),
    )


def _explained_table(result: CohortResult) -> Table:
    rows = []
    for label, name, meaning in _OVERALL:
        metric = result.report.metrics[name]
        limits = Cell(text=interval(metric) or metric.reason, tone="muted")
        rows.append(
            Row(cells=(Cell(text=label), Cell(text=number(metric.value)), limits, Cell(text=meaning, tone="muted")))
        )
    return Table(
        caption=f"Overall numbers on {result.report.cohort}: {result.report.num_images:,} images of "
        f"{result.report.num_patients:,} patients. Confidence intervals are by patient.",
        columns=("", "Value", "95 % confidence interval", "What it is"),
        rows=tuple(rows),
        wordy=True,
    )


def _gap_table(study: Study) -> Table:
    inside = study.main
    rows = []
    for label, name in _change_names(study):
        first = inside.report.metrics[name]
        cells = [_change(first, result.report.metrics[name]) for result in study.results[1:]]
        rows.append(Row(cells=(Cell(text=label), metric_cell(first), *cells)))
    return Table(
        caption=f"The change from {inside.report.cohort} to each other cohort (95 % confidence interval); one that "
        "leaves out 0 is more than chance.",
        columns=("", inside.report.cohort, *(f"{result.report.cohort}: change" for result in study.results[1:])),
        rows=tuple(rows),
    )


def _change_names(study: Study) -> list[tuple[str, str]]:
    names = [("Accuracy", "accuracy"), ("Balanced accuracy", "balanced_accuracy"), ("Macro AUROC", "auroc_macro")]
    names += [(f"AUROC, {label}", f"auroc/{label}") for label in study.main.report.classes]
    names += [
        (f"{kind.capitalize()}, {study.target}", f"{kind}/{study.target}") for kind in ("sensitivity", "specificity")
    ]
    return [*names, ("Calibration error", "ece")]


def _change(inside: Metric, outside: Metric) -> Cell:
    return difference_cell(independent_difference(inside, outside))


def _panel(result: CohortResult) -> ConfusionPanel:
    title = f"{result.report.cohort}\n{result.report.num_images:,} images"
    return ConfusionPanel(title=title, classes=result.report.classes, counts=result.report.confusion)


def _forest_row(result: CohortResult, name: str, label: str, metric: Metric) -> ForestRow:
    patients = _num_patients(result, name)
    small = patients < SMALL_PATIENTS
    note = f"n = {metric.num_cases}" + (", small" if small else "")
    return ForestRow(label=label, value=metric.value, low=metric.low, high=metric.high, note=note, soft=small)


def _subgroup_table(study: Study, result: CohortResult) -> Table:
    rows, heading = [], ""
    for name, metrics in result.report.subgroups.items():
        column, _, value = name.partition("=")
        if column != heading:
            heading = column
            rows.append(Row(cells=(Cell(text=column.capitalize()),), heading=True))
        patients = _num_patients(result, name)
        tone: Tone = "muted" if patients < SMALL_PATIENTS else ""
        size = f"{metrics['accuracy'].num_cases:,} images, {patients:,} patients" + (", small" if tone else "")
        cells = [
            metric_cell(metrics["accuracy"], tone=tone),
            metric_cell(metrics[GAP], tone=tone),
            metric_cell(metrics.get(f"sensitivity/{study.target}"), tone=tone),
            metric_cell(metrics.get(f"auroc/{study.target}"), tone=tone),
        ]
        rows.append(Row(cells=(Cell(text=value, sub=size), *cells)))
    return Table(
        caption=f"Subgroups of {result.report.cohort}.",
        columns=("", "Accuracy", "Gap to the rest", f"Sensitivity, {study.target}", f"AUROC, {study.target}"),
        rows=tuple(rows),
    )


def _num_patients(result: CohortResult, subgroup: str) -> int:
    column, _, value = subgroup.partition("=")
    return len(np.unique(result.cohort.groups[result.cohort.columns[column] == value]))
