"""Towards use: what acting on the output brings, declining when unsure, and how many cases a surer answer needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.types import Metric
from covidcxr.metrics.decision import decision_curve
from covidcxr.metrics.intervals import clustered_wilson
from covidcxr.metrics.samplesize import cases_for_auroc, cases_for_sensitivity, cases_for_specificity
from covidcxr.metrics.selective import RiskCoverage, risk_coverage
from covidcxr.outputs.figures.benefit import BenefitCurve, RiskCurve, draw_benefit
from covidcxr.outputs.page import Block, Cell, FigureBlock, Row, Section, Table, number
from covidcxr.pipeline.study import CohortResult, Study

_WIDTH = 0.10
_COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.5)
_MAX_POINTS = 400


def use_section(study: Study) -> Section:
    """Return decision curve, selective prediction and sample sizes of the leading cohort."""
    result = study.main
    cohort = result.cohort
    confidence = cohort.probabilities.max(axis=1)
    selective = risk_coverage(confidence, cohort.predicted == cohort.labels)
    shown = np.unique(np.linspace(0, selective.coverage.size - 1, _MAX_POINTS).round().astype(int))
    drawing = draw_benefit(
        "use",
        f"Acting on the output, and declining, on {result.report.cohort}",
        _benefit(result, study),
        RiskCurve(coverage=selective.coverage[shown], risk=selective.risk[shown]),
        target=study.target,
    )
    blocks: list[Block] = [FigureBlock(drawing=drawing), _declining(selective)]
    if points := _operating_points(study):
        blocks.append(points)
    sizes = _sizes(result, study.target)
    if sizes is not None:
        blocks.append(sizes)
    lead = (
        "These hold for the mix of classes in this cohort. The confidence from which to answer would have to be chosen "
        "on a validation part; here every choice is shown."
    )
    return Section(anchor="use", title="Towards use", lead=lead, blocks=tuple(blocks))


def _benefit(result: CohortResult, study: Study) -> BenefitCurve | None:
    cohort = result.cohort
    column = cohort.classes.index(study.target)
    positive = cohort.labels == column
    if positive.all() or not positive.any():
        return None
    thresholds = np.linspace(0.02, 0.98, 49)
    curve = decision_curve(
        positive,
        cohort.probabilities[:, column],
        groups=cohort.groups,
        thresholds=thresholds,
        rounds=200,
        seed=study.seed,
    )
    return BenefitCurve(
        thresholds=curve.thresholds, model=curve.model, low=curve.low, high=curve.high, treat_all=curve.treat_all
    )


def _declining(selective: RiskCoverage) -> Table:
    rows = []
    for wanted in _COVERAGES:
        at = min(int(np.searchsorted(selective.coverage, wanted - 1e-12)), selective.coverage.size - 1)
        rows.append(
            Row(
                cells=(
                    Cell(text=f"{selective.coverage[at]:.0%}"),
                    Cell(text=number(float(selective.thresholds[at]))),
                    Cell(text=number(float(selective.risk[at]))),
                )
            )
        )
    return Table(
        caption=f"Answering only the surest: area under the risk-coverage curve {selective.area:.4f}.",
        columns=("Answered", "From confidence", "Wrong among the answered"),
        rows=tuple(rows),
    )


def _operating_points(study: Study) -> Table | None:
    """Return what thresholds that were chosen on validation patients do on each cohort; None if there are none."""
    rows = []
    for point in study.info.operating_points:
        if point.label != study.target:
            continue
        for result in study.results:
            cohort = result.cohort
            column = cohort.classes.index(point.label)
            called, positive = cohort.probabilities[:, column] >= point.threshold, cohort.labels == column
            cells = (
                Cell(text=f"{point.target:.0%}"),
                Cell(text=number(point.threshold)),
                Cell(text=f"{number(point.sensitivity)} and {number(point.specificity)}"),
                Cell(text=result.report.cohort),
                Cell(text=_share(called[positive], cohort.groups[positive])),
                Cell(text=_share(~called[~positive], cohort.groups[~positive])),
            )
            rows.append(Row(cells=cells))
    if not rows:
        return None
    return Table(
        caption=f"Calling {study.target} from a probability that was chosen on validation patients to reach a wanted "
        "sensitivity: does it hold?",
        columns=(
            "Wanted",
            "From probability",
            "There: sensitivity and specificity",
            "On",
            "Sensitivity",
            "Specificity",
        ),
        rows=tuple(rows),
    )


def _share(success: NDArray[np.bool_], groups: NDArray[np.str_]) -> str:
    if not success.size:
        return "no case"
    found = clustered_wilson(success, groups)
    return f"{number(found.value)} ({number(found.low)} to {number(found.high)})"


def _sizes(result: CohortResult, target: str) -> Table | None:
    """Return how many images a validation of this mix would need for intervals 0.10 wide; None without both sides."""
    metrics = result.report.metrics
    share = float(result.report.confusion[result.report.classes.index(target)].sum()) / result.report.num_images
    if not 0.0 < share < 1.0:
        return None
    rows = []
    for label, name, count in (
        ("Sensitivity", "sensitivity", cases_for_sensitivity),
        ("Specificity", "specificity", cases_for_specificity),
        ("AUROC", "auroc", cases_for_auroc),
    ):
        metric = metrics[f"{name}/{target}"]
        if metric.value is None or (name == "auroc" and not 0.0 < metric.value < 1.0):
            continue
        needed = count(metric.value, prevalence=share, width=_WIDTH)
        cells = (
            Cell(text=f"{label}, {target}"),
            Cell(text=number(metric.value)),
            Cell(text=_width(metric)),
            Cell(text=f"{needed:,}"),
        )
        rows.append(Row(cells=cells))
    if not rows:
        return None
    return Table(
        caption=f"Images of independent patients, {share:.0%} of them {target}, that a planned validation needs for a "
        f"95 % interval at most {_WIDTH:.2f} wide, if the value here is right.",
        columns=("", "Here", "Width of its interval here", "Images needed"),
        rows=tuple(rows),
    )


def _width(metric: Metric) -> str:
    return "–" if metric.low is None or metric.high is None else f"{metric.high - metric.low:.3f}"
