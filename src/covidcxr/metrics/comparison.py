"""Two models on the same cases: DeLong for the AUROC, McNemar for right and wrong, and any other metric.

And one model on two cohorts of different patients: `independent_difference`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from covidcxr.core.errors import EvaluationError
from covidcxr.core.types import Metric
from covidcxr.metrics.bootstrap import bootstrap
from covidcxr.metrics.checks import FloatArray, check_truths
from covidcxr.metrics.delong import placements, too_few_of_a_side, variance_of
from covidcxr.metrics.intervals import Interval, newcombe, student_quantile
from covidcxr.metrics.linearised import linearise
from covidcxr.metrics.measure import too_few_for
from covidcxr.metrics.metric_set import MetricSet
from covidcxr.metrics.settings import DEFAULT_INTERVALS, IntervalSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """First less second, with its interval and a two-sided p-value; NaN where not estimable, with the reason."""

    value: float
    low: float
    high: float
    p_value: float
    reason: str = ""


def paired_delong(
    positive: ArrayLike, first: ArrayLike, second: ArrayLike, *, groups: ArrayLike | None = None, level: float = 0.95
) -> Difference:
    """Compare the AUROCs of two scores (N,) of the same cases (DeLong 1988; Obuchowski 1997 with ``groups``).

    Raises:
        EvaluationError: If the arrays do not fit.
    """
    is_positive = check_truths(positive)
    if is_positive.all() or not is_positive.any():
        return _undefined("every case is on one side")
    components = [placements(is_positive, first), placements(is_positive, second)]
    value = components[0].auroc - components[1].auroc
    if reason := too_few_of_a_side(is_positive, groups):
        return Difference(value=value, low=np.nan, high=np.nan, p_value=np.nan, reason=reason)
    variance, degrees = variance_of([1.0, -1.0], is_positive, components, groups)
    error = max(variance, 0.0) ** 0.5
    if error < 1e-12:
        same = abs(value) < 1e-12
        reason = "both rank every case alike" if same else "neither varies from case to case"
        return Difference(value=value, low=np.nan, high=np.nan, p_value=1.0 if same else np.nan, reason=reason)
    margin = student_quantile(level, degrees) * error
    p_value = 2 * float(stats.t.sf(abs(value) / error, degrees))
    return Difference(value=value, low=value - margin, high=value + margin, p_value=p_value)


@dataclass(frozen=True, kw_only=True, slots=True)
class McNemar:
    """Cases that only the first, or only the second model got right, and the exact two-sided p-value."""

    only_first: int
    only_second: int
    p_value: float
    mid_p_value: float


def mcnemar(first_correct: ArrayLike, second_correct: ArrayLike) -> McNemar:
    """Compare which of the same cases (N,) two models got right, by the exact binomial test (McNemar 1947).

    The mid-p value (Fagerland 2013) is less conservative. Both are 1 where the models agree on every case. Cases are
    taken as independent; with several images a patient, prefer `paired_differences`.

    Raises:
        EvaluationError: If the two differ in length.
    """
    first = check_truths(first_correct, what="first")
    second = check_truths(second_correct, what="second")
    if first.shape != second.shape or first.ndim != 1:
        raise EvaluationError(
            f"McNemar: found {first.shape} and {second.shape} cases; expected the same cases for both"
        )
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    discordant, fewer = only_first + only_second, min(only_first, only_second)
    if discordant == 0:
        return McNemar(only_first=0, only_second=0, p_value=1.0, mid_p_value=1.0)
    exact = min(1.0, 2 * float(stats.binom.cdf(fewer, discordant, 0.5)))
    mid = 2 * float(stats.binom.cdf(fewer, discordant, 0.5)) - float(stats.binom.pmf(fewer, discordant, 0.5))
    return McNemar(only_first=only_first, only_second=only_second, p_value=exact, mid_p_value=min(1.0, mid))


def paired_differences(
    labels: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    classes: Sequence[str],
    *,
    groups: ArrayLike | None = None,
    intervals: IntervalSettings = DEFAULT_INTERVALS,
    level: float = 0.95,
) -> dict[str, Metric]:
    """Return first less second for every metric of `MetricSet`, on the same patients.

    Args:
        labels: (N,) in [0, C).
        first: (N, C) probabilities of the one model.
        second: (N, C) probabilities of the other, of the same cases in the same order.
        classes: C names.
        groups: (N,) patients.
        intervals: How intervals are made.
        level: Of the intervals.

    Raises:
        EvaluationError: If the arrays do not fit.
    """
    one, other = MetricSet(labels, first, classes), MetricSet(labels, second, classes)

    def difference(weights: FloatArray) -> FloatArray:
        return one(weights) - other(weights)

    resampling = intervals.resampling
    num_cases, columns = one.num_cases, range(len(one.names))
    if resampling is None:
        linear = linearise(difference, num_cases=num_cases, groups=groups, strata=one.labels)
        few = [too_few_for(one, name, groups) for name in one.names]
        found = [linear.interval(c, scale="plain", too_few=few[c], level=level) for c in columns]
    else:
        result = bootstrap(
            difference,
            num_cases=num_cases,
            groups=groups,
            rounds=intervals.rounds,
            seed=intervals.seed,
            jackknife=resampling == "bca",
        )
        found = [result.interval(column, method=resampling, level=level) for column in columns]
    differences = {}
    for name, interval in zip(one.names, found, strict=True):
        absent = "" if np.isfinite(interval.value) else one.reason(name)
        differences[name] = interval.metric(name, num_cases, absent=absent)
    return differences


def independent_difference(first: Metric, second: Metric) -> Metric:
    """Return ``second`` less ``first``, the same metric on two cohorts that share no patient, with its interval.

    The limits are recovered from those of the two, as `newcombe` does for proportions (MOVER: Zou & Donner 2008), so it
    also serves a cohort of which only the report is left. Without a value or a limit there is none, and the reason.
    """
    num_cases = min(first.num_cases, second.num_cases)
    reason = second.reason or first.reason
    if first.value is None or second.value is None:
        return Metric(name=first.name, value=None, num_cases=num_cases, reason=reason)
    value = second.value - first.value
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return Metric(name=first.name, value=value, num_cases=num_cases, reason=reason)
    gap = newcombe(
        Interval(value=second.value, low=second.low, high=second.high),
        Interval(value=first.value, low=first.low, high=first.high),
    )
    return Metric(name=first.name, value=value, low=gap.low, high=gap.high, num_cases=num_cases)


def _undefined(reason: str) -> Difference:
    nan = float("nan")
    return Difference(value=nan, low=nan, high=nan, p_value=nan, reason=reason)
