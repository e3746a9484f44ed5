"""All metrics of one cohort with their intervals by patient: closed forms, or a bootstrap.

Which metrics there are is known to `metric_set`; cohorts, subgroups and reports to ``evaluation``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from covidcxr.core.types import Metric
from covidcxr.metrics import confusion as of
from covidcxr.metrics.bootstrap import bootstrap
from covidcxr.metrics.calibration import calibration_error_interval
from covidcxr.metrics.checks import BoolArray
from covidcxr.metrics.delong import delong, too_few_of_a_side
from covidcxr.metrics.intervals import Interval, clustered_wilson, too_few
from covidcxr.metrics.linearised import Linearised, Scale, linearise
from covidcxr.metrics.metric_set import MetricSet
from covidcxr.metrics.settings import DEFAULT_INTERVALS, IntervalSettings

_SCALES: dict[str, Scale] = {"mcc": "correlation", "brier": "positive", "cross_entropy": "positive"}
_OF_CLASS = frozenset({"sensitivity", "true_probability"})
_OVER_CLASSES = frozenset({"balanced_accuracy", "macro_f1", "auroc_macro"})
_PARTS = ("sensitivity", "specificity")
_CLOSED = frozenset(
    {"accuracy", "sensitivity", "specificity", "ppv", "npv", "ppv_at", "npv_at", "auroc", "micro_recall"}
    | {"micro_precision"}
)


def measure(
    labels: ArrayLike,
    probabilities: ArrayLike,
    classes: Sequence[str],
    *,
    groups: ArrayLike | None = None,
    intervals: IntervalSettings = DEFAULT_INTERVALS,
    level: float = 0.95,
    prevalence: Mapping[str, float] | None = None,
    ece_bins: int = 10,
    calibration: bool = True,
) -> dict[str, Metric]:
    """Measure everything on one cohort, with intervals by patient.

    Args:
        labels: (N,) in [0, C).
        probabilities: (N, C), rows summing to 1.
        classes: C names.
        groups: (N,) patients; None if every case is a patient of its own.
        intervals: How intervals are made.
        level: Of the intervals.
        prevalence: As `MetricSet`.
        ece_bins: Equal-mass bins of the expected calibration error.
        calibration: Also measure that error, whose interval takes a bootstrap.

    Raises:
        EvaluationError: As `MetricSet` and `bootstrap`.
    """
    metric_set = MetricSet(labels, probabilities, classes, prevalence=prevalence, ece_bins=ece_bins)
    of_metric = _intervals(metric_set, groups, intervals, level)
    metrics: dict[str, Metric] = {}
    for name in metric_set.names[:-1]:  # the last is the calibration error
        proportion = metric_set.successes(name)
        num_cases = metric_set.num_cases if proportion is None else int(proportion[1].sum())
        interval = of_metric(name)
        absent = "" if math.isfinite(interval.value) else metric_set.reason(name)
        metrics[name] = interval.metric(name, num_cases, absent=absent)
    if not calibration:
        return metrics
    confidence, correct = metric_set.probabilities.max(axis=1), metric_set.predicted == metric_set.labels
    error = calibration_error_interval(
        confidence,
        correct,
        groups=groups,
        num_bins=ece_bins,
        rounds=intervals.rounds,
        seed=intervals.seed,
        level=level,
    )
    return metrics | {"ece": error.metric("ece", metric_set.num_cases)}


def _intervals(
    metric_set: MetricSet, groups: ArrayLike | None, intervals: IntervalSettings, level: float
) -> Callable[[str], Interval]:
    """Return what makes the interval of each metric, the way that ``intervals`` asks for."""
    resampling = intervals.resampling
    if resampling is None:
        linear = linearise(metric_set, num_cases=metric_set.num_cases, groups=groups, strata=metric_set.labels)
        return lambda name: _closed_form(metric_set, name, linear, groups, level=level)
    result = bootstrap(
        metric_set,
        num_cases=metric_set.num_cases,
        groups=groups,
        rounds=intervals.rounds,
        seed=intervals.seed,
        jackknife=resampling == "bca",
    )

    def resampled(name: str) -> Interval:
        column = metric_set.names.index(name)
        if result.is_constant(column) and name.partition("/")[0] in _CLOSED:
            # All right, or all ranked rightly: every round repeats it, and a bootstrap would claim certainty.
            return _closed_form(metric_set, name, None, groups, level=level)
        return result.interval(column, method=resampling, level=level)

    return resampled


def _closed_form(
    cohort: MetricSet, name: str, linear: Linearised | None, groups: ArrayLike | None, *, level: float
) -> Interval:
    """Return the closed-form interval of one metric: Wilson's, DeLong's, or from its ``linear`` standard error."""
    metric, _, label = name.partition("/")
    if (proportion := cohort.successes(name)) is not None:
        outcome, counted = proportion[0], proportion[1] > 0
        return clustered_wilson(outcome[counted], _members(groups, counted), level=level)
    column = cohort.classes.index(label) if label in cohort.classes else -1
    if metric == "auroc":
        return delong(cohort.labels == column, cohort.probabilities[:, column], groups=groups, level=level)
    if metric in {"ppv_at", "npv_at"}:
        parts = [_closed_form(cohort, f"{part}/{label}", linear, groups, level=level) for part in _PARTS]
        return _predictive_value(metric, parts[0], parts[1], cohort.prevalence[label])
    if linear is None:
        return Interval.none(float("nan"), "")
    scale = _SCALES.get(metric, "share")
    return linear.interval(
        cohort.names.index(name), scale=scale, too_few=too_few_for(cohort, name, groups), level=level
    )


def too_few_for(cohort: MetricSet, name: str, groups: ArrayLike | None) -> str:
    """Return why a metric rests on too few patients for an interval; empty if it does not.

    An average over classes needs some patients of each class, a figure of one class some of that and of the others.
    """
    metric, _, label = name.partition("/")
    if label and metric in _OF_CLASS:
        counted = cohort.labels == cohort.classes.index(label)
        return too_few(_members(groups, counted), int(counted.sum()))
    one_by_one = cohort.classes if metric in _OVER_CLASSES else (label,) if label else ()
    reasons = (too_few_of_a_side(cohort.labels == cohort.classes.index(one), groups) for one in one_by_one)
    return next((reason for reason in reasons if reason), too_few(groups, cohort.num_cases))


def _members(groups: ArrayLike | None, counted: BoolArray) -> ArrayLike | None:
    return None if groups is None else np.asarray(groups)[counted]


def _predictive_value(metric: str, sensitivity: Interval, specificity: Interval, prevalence: float) -> Interval:
    """Return the PPV or NPV at a prevalence from the intervals of sensitivity and specificity.

    Its odds are a ratio of one of them to what the other lacks to 1, so that the limits are recovered on the scale of
    the logarithm (MOVER: Zou & Donner 2008); where one is 0 or 1, they are those of the two limits together.
    """
    function = of.ppv_from if metric == "ppv_at" else of.npv_from
    value = float(function(sensitivity.value, specificity.value, prevalence))
    if sensitivity.reason or specificity.reason:
        return Interval.none(value, sensitivity.reason or specificity.reason)
    corners = [
        float(function(getattr(sensitivity, side), getattr(specificity, side), prevalence)) for side in ("low", "high")
    ]
    limits = [sensitivity.value, specificity.value, sensitivity.low, specificity.low]
    limits += [sensitivity.high, specificity.high]
    if not all(0.0 < limit < 1.0 for limit in limits) or not 0.0 < prevalence < 1.0:
        return Interval(value=value, low=corners[0], high=corners[1])
    # PPV: odds are sensitivity over 1 - specificity; NPV: specificity over 1 - sensitivity.
    shown, other = (sensitivity, specificity) if metric == "ppv_at" else (specificity, sensitivity)
    down = math.hypot(math.log(shown.value / shown.low), math.log((1 - other.low) / (1 - other.value)))
    up = math.hypot(math.log(shown.high / shown.value), math.log((1 - other.value) / (1 - other.high)))
    centre = math.log(value / (1 - value))
    return Interval(value=value, low=1 / (1 + math.exp(down - centre)), high=1 / (1 + math.exp(-up - centre)))
