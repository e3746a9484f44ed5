"""Towards use: what acting on the output brings, declining when unsure, and how many cases a surer answer needs."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.types import Metric
from covidcxr.metrics.decision import decision_curve
from covidcxr.metrics.intervals import clustered_wilson
from covidcxr.metrics.samplesize import Planned, PlannedSize, clustering_of, planned_sizes
from covidcxr.metrics.selective import RiskCoverage, risk_coverage, threshold_for_risk
from covidcxr.outputs.figures.benefit import BenefitCurve, RiskCurve, draw_benefit
from covidcxr.outputs.page import Block, Cell, FigureBlock, Row, Section, Table, number
from covidcxr.report.sections.sets import sets_table
from covidcxr.report.study import CohortResult, Study

_WIDTH = 0.10
_COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.5)
_RISKS = (0.05, 0.02, 0.01)
_FIGURES: tuple[Planned, ...] = ("sensitivity", "specificity", "auroc")
_MAX_POINTS = 400
_TIMES_PREVALENCE = 10  # thresholds beyond it would have nobody act


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
    right = cohort.predicted == cohort.labels
    blocks: list[Block] = [FigureBlock(drawing=drawing), _declining(selective), _for_risk(confidence, right)]
    tables = (sets_table(study), _operating_points(study), _sizes(study))
    blocks += [table for table in tables if table is not None]
    share = study.prevalence.get(study.target)
    mix = (
        "These hold for the mix of classes in this cohort."
        if share is None
        else f"Net benefit and sample sizes are for a place where {100 * share:g} % have {study.target}, as was named; "
        "the rest holds for the mix of classes in this cohort."
    )
    lead = (
        f"{mix} The confidence from which to answer would have to be chosen on a validation part; here every choice is "
        "shown."
    )
    return Section(anchor="use", title="Towards use", lead=lead, blocks=tuple(blocks))


def _benefit(result: CohortResult, study: Study) -> BenefitCurve | None:
    cohort = result.cohort
    column = cohort.classes.index(study.target)
    positive = cohort.labels == column
    if positive.all() or not positive.any():
        return None
    prevalence = study.prevalence.get(study.target)
    highest = 0.98 if prevalence is None else min(0.98, max(0.01, _TIMES_PREVALENCE * prevalence))
    thresholds = highest * np.arange(1, 50) / 49
    curve = decision_curve(
        positive,
        cohort.probabilities[:, column],
        groups=cohort.groups,
        thresholds=thresholds,
        prevalence=prevalence,
        rounds=200,
        seed=study.intervals.seed,
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


def _for_risk(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> Table:
    """Return from which confidence on at most a few of the answers were wrong, and how many answers that leaves."""
    rows = []
    for risk in _RISKS:
        threshold = threshold_for_risk(confidence, right, risk=risk)
        known = np.isfinite(threshold)
        share = (confidence >= threshold).mean()
        words = (f"{risk:.0%}", number(threshold), f"{share:.0%}") if known else (f"{risk:.0%}", "–", "none")
        rows.append(Row(cells=tuple(Cell(text=word) for word in words)))
    return Table(
        caption="How many could be answered if no more than a wanted share of the answers may be wrong.",
        columns=("Wrong at most", "From confidence", "Answered"),
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
    return (
        number(found.value) if found.reason else f"{number(found.value)} ({number(found.low)} to {number(found.high)})"
    )


def _sizes(study: Study) -> Table | None:
    """Return how many images a validation needs for intervals 0.10 wide; None where the cohort has one side only."""
    report, cohort, target = study.main.report, study.main.cohort, study.target
    here = float(report.confusion[report.classes.index(target)].sum()) / report.num_images
    share = study.prevalence.get(target, here)
    if not (0.0 < here < 1.0 and 0.0 < share < 1.0):
        return None
    values = {figure: report.metrics[f"{figure}/{target}"].value for figure in _FIGURES}
    expected = {figure: value for figure, value in values.items() if value is not None}
    positive = cohort.labels == cohort.classes.index(target)
    called = cohort.predicted == cohort.classes.index(target)
    scores = cohort.probabilities[:, cohort.classes.index(target)]
    sizes: list[PlannedSize] = []
    effects: list[str] = []
    for figure, value in expected.items():
        images_per_patient, effect = clustering_of(figure, positive, called, scores, cohort.groups)
        planned = planned_sizes(
            {figure: value}, prevalence=share, width=_WIDTH, images_per_patient=images_per_patient, effect=effect
        )
        sizes += planned
        if planned:
            effects.append(f"{effect:.2f} of the {images_per_patient:.2f} per patient for the {_name(figure)}")
    if not sizes:
        return None
    mean = report.num_images / report.num_patients
    rows = []
    for size in sizes:
        metric = report.metrics[f"{size.figure}/{target}"]
        images = math.ceil(size.patients * mean - 1e-9)
        cells = (
            Cell(text=f"{_name(size.figure)}, {target}"),
            Cell(text=number(metric.value)),
            Cell(text=_width(metric)),
            Cell(text=f"{size.cases:,}"),
            Cell(text=f"{images:,}", sub=f"{size.patients:,} patients"),
        )
        rows.append(Row(cells=cells))
    return Table(
        caption=f"Images that a planned validation needs, {100 * share:.3g} % of them {target}, for a 95 % "
        "confidence interval at "
        f"most {_WIDTH:.2f} wide, if the value here is right.",
        columns=("", "Here", "Width of its interval here", "One a patient", "As alike as here"),
        rows=tuple(rows),
        notes=(
            f"Images of one patient tell less than those of as many patients: one independent image is worth "
            f"{'; '.join(effects)}, among the cases that the figure rests on. For other values: covidcxr samplesize.",
        ),
    )


def _name(figure: Planned) -> str:
    return "AUROC" if figure == "auroc" else figure


def _width(metric: Metric) -> str:
    return "–" if metric.low is None or metric.high is None else f"{metric.high - metric.low:.3f}"
