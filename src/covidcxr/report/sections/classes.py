"""Each class against the rest: numbers, predictive values at a named prevalence, curves."""

from __future__ import annotations

from covidcxr.core.labels import MEANINGS
from covidcxr.core.types import Metric
from covidcxr.evaluation.curves import BandedCurve, pr_band, roc_band
from covidcxr.models.bundle_info import BundleInfo
from covidcxr.outputs.figures.curves import Curve, draw_roc_and_pr
from covidcxr.outputs.page import Block, Cell, FigureBlock, Row, Section, Table, metric_cell
from covidcxr.report.study import CohortResult, Study

_BY_CLASS = (
    ("Sensitivity", "sensitivity"),
    ("Specificity", "specificity"),
    ("PPV", "ppv"),
    ("NPV", "npv"),
    ("F1", "f1"),
    ("AUROC", "auroc"),
    ("Average precision", "average_precision"),
)
_PEOPLE = 1000


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
                notes=(
                    "PPV and NPV hold for the mix of classes in this cohort, not for a clinic's: for those, name a "
                    "prevalence (--prevalence).",
                ),
            )
        )
        table = _at_prevalence(study, result)
        if table is not None:
            blocks.append(table)
        drawing = _curves(study, result)
        if drawing is not None:
            blocks.append(drawing)
    return Section(
        anchor="classes", title="Each class against the rest", lead=_meanings(study.info), blocks=tuple(blocks)
    )


def _meanings(info: BundleInfo) -> str:
    """Return what each class's probability is about, by the labels it was trained on; empty for older bundles."""
    return " ".join(
        f"The probability of {label} is about {MEANINGS[meaning]}." for label, meaning in info.meanings.items()
    )


def _at_prevalence(study: Study, result: CohortResult) -> Table | None:
    """Return what a call means where the class is as frequent as was named; None if nothing was."""
    if not study.prevalence:
        return None
    metrics, rows = result.report.metrics, []
    for label, share in study.prevalence.items():
        found, cleared = metrics[f"sensitivity/{label}"].value, metrics[f"specificity/{label}"].value
        called = "–"
        if found is not None and cleared is not None:
            right, wrong = _PEOPLE * share * found, _PEOPLE * (1 - share) * (1 - cleared)
            called = f"{right + wrong:.0f}, {wrong:.0f} of them wrongly"
        cells = (metric_cell(metrics[f"ppv_at/{label}"]), metric_cell(metrics[f"npv_at/{label}"]), Cell(text=called))
        rows.append(Row(cells=(Cell(text=label, sub=f"in {100 * share:g} % of the people"), *cells)))
    return Table(
        caption=f"{result.report.cohort}: what a call means at the prevalence that was named.",
        columns=("Class", "PPV", "NPV", f"Called, of {_PEOPLE:,} people"),
        rows=tuple(rows),
        notes=("By Bayes' rule from sensitivity and specificity here; both can differ where the disease is rarer.",),
    )


def _curves(study: Study, result: CohortResult) -> FigureBlock | None:
    roc, pr, chance = [], [], []
    for position, label in enumerate(result.cohort.classes):
        first = roc_band(result.cohort, label, seed=study.intervals.seed)
        second = pr_band(result.cohort, label, seed=study.intervals.seed)
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
