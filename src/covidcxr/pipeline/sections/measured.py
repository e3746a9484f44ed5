"""What was measured: cohorts side by side, classes, curves, calibration, subgroups."""

from __future__ import annotations

import numpy as np

from covidcxr.core.types import Metric
from covidcxr.evaluation.curves import BandedCurve, confidence_reliability, pr_band, roc_band
from covidcxr.evaluation.subgroups import GAP, SMALL_PATIENTS
from covidcxr.outputs.figures.confusion import ConfusionPanel, draw_confusion
from covidcxr.outputs.figures.curves import Curve, ReliabilityCurve, draw_reliability, draw_roc_and_pr
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
    interval,
    metric_cell,
    number,
    signed,
)
from covidcxr.pipeline.study import CohortResult, Study

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
_BY_CLASS = (
    ("Sensitivity", "sensitivity"),
    ("Specificity", "specificity"),
    ("PPV", "ppv"),
    ("NPV", "npv"),
    ("F1", "f1"),
    ("AUROC", "auroc"),
    ("Average precision", "average_precision"),
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


def classes_section(study: Study) -> Section:
    """Return each class against the rest, on every cohort."""
    blocks: list[Block] = []
    for result in study.results:
        rows = []
        for position, label in enumerate(result.report.classes):
            cases = int(result.report.confusion[position].sum())
            metrics = [metric_cell(result.report.metrics.get(f"{name}/{label}")) for _, name in _BY_CLASS]
            rows.append(Row(cells=(Cell(text=label, sub=f"{cases:,} images"), *metrics)))
        blocks.append(
            Table(
                caption=f"{result.report.cohort}: each class against the rest.",
                columns=("Class", *(label for label, _ in _BY_CLASS)),
                rows=tuple(rows),
                notes=("Predictive values hold for the mix of classes in this cohort, not for a clinic's.",),
            )
        )
        drawing = _curves(study, result)
        if drawing is not None:
            blocks.append(drawing)
    return Section(anchor="classes", title="Each class against the rest", blocks=tuple(blocks))


def calibration_section(study: Study) -> Section:
    """Return how far the probabilities can be taken at their word."""
    curves = []
    for result in study.results[:2]:
        bins = confidence_reliability(result.cohort)
        error = result.report.metrics["ece"]
        limits = f" ({interval(error)})" if interval(error) else ""
        curves.append(
            ReliabilityCurve(
                label=f"{result.report.cohort}, ECE {error.value:.3f}{limits}"
                if error.value is not None
                else result.report.cohort,
                confidence=np.array([entry.confidence for entry in bins]),
                share_right=np.array([entry.observed for entry in bins]),
                low=np.array([entry.low for entry in bins]),
                high=np.array([entry.high for entry in bins]),
                confidences=result.cohort.probabilities.max(axis=1),
            )
        )
    figure = FigureBlock(
        drawing=draw_reliability("reliability", "Reliability of the stated confidence", curves), wide=len(curves) > 1
    )
    temperature = study.info.temperature
    lead = (
        "The probabilities are the network's own; they were not calibrated."
        if temperature == 1.0
        else f"Logits were divided by the temperature {temperature:.3f}, fitted on the validation part."
    )
    return Section(anchor="calibration", title="Calibration", lead=lead, blocks=(figure,))


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
        caption="Overall numbers, with 95 % intervals of a bootstrap that draws whole patients.",
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
        f"{result.report.num_patients:,} patients. The bootstrap draws whole patients.",
        columns=("", "Value", "95 % interval", "What it is"),
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
        caption=f"The change from {inside.report.cohort} to each other cohort.",
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
    if inside.value is None or outside.value is None:
        return Cell(text="not estimable", sub=outside.reason or inside.reason, tone="muted")
    apart = None not in (inside.low, inside.high, outside.low, outside.high) and (
        (outside.high or 0) < (inside.low or 0) or (outside.low or 0) > (inside.high or 0)
    )
    return Cell(text=signed(outside.value - inside.value), sub="intervals apart" if apart else "intervals overlap")


def _curves(study: Study, result: CohortResult) -> FigureBlock | None:
    roc, pr, chance = [], [], []
    for position, label in enumerate(result.cohort.classes):
        first = roc_band(result.cohort, label, seed=study.seed)
        second = pr_band(result.cohort, label, seed=study.seed)
        if first is None or second is None:
            continue
        roc.append(_curve(label, result.report.metrics[f"auroc/{label}"], first, position))
        pr.append(_curve(label, result.report.metrics[f"average_precision/{label}"], second, position))
        chance.append(float((result.cohort.labels == position).mean()))
    if not roc:
        return None
    name = f"roc-pr-{study.results.index(result) + 1}"
    title = f"ROC and precision-recall curves, {result.report.cohort}"
    return FigureBlock(drawing=draw_roc_and_pr(name, title, roc, pr, chance))


def _curve(label: str, metric: Metric, band: BandedCurve, position: int) -> Curve:
    value = "" if metric.value is None else f", {metric.value:.3f}"
    limits = f" ({metric.low:.3f}-{metric.high:.3f})" if metric.low is not None and metric.high is not None else ""
    return Curve(label=f"{label}{value}{limits}", x=band.x, y=band.y, low=band.low, high=band.high, position=position)


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
