"""The same metrics in parts of a cohort: by source, sex, age band and view, with the gap to the rest.

A subgroup that is small is marked, not hidden; a metric that needs a class the subgroup lacks is not estimable there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.types import Metric
from covidcxr.evaluation.cohort import AGE_BANDS, OLDEST_BAND, UNKNOWN, Cohort
from covidcxr.metrics.bootstrap import bootstrap
from covidcxr.metrics.checks import FloatArray
from covidcxr.metrics.intervals import clustered_wilson, newcombe
from covidcxr.metrics.metric_set import measure
from covidcxr.metrics.settings import IntervalSettings

SMALL_PATIENTS = 20
_MANY_CASES, _FEWER_ROUNDS = 20_000, 500  # large cohorts have narrow intervals, and time is short
GAP = "accuracy_gap"
_SHOWN = ("accuracy", "balanced_accuracy", "sensitivity", "specificity", "auroc")
_ORDER = {band: position for position, band in enumerate([*(band for _, band in AGE_BANDS), OLDEST_BAND])}


def subgroup_metrics(cohort: Cohort, intervals: IntervalSettings) -> dict[str, dict[str, Metric]]:
    """Return for every subgroup ("sex=F") its metrics, and ``accuracy_gap``: its accuracy less that of the rest.

    A column in which every case has the same value tells nothing and is left out.
    """
    if cohort.num_images > _MANY_CASES:
        intervals = intervals.at_most(_FEWER_ROUNDS)
    inside = {
        f"{column}={name}": values == name
        for column, values in cohort.columns.items()
        if len(set(values.tolist())) > 1
        for name in sorted(set(values.tolist()), key=_reading_order)
    }
    gaps = _gaps(cohort, inside, intervals)
    found: dict[str, dict[str, Metric]] = {}
    for name, members in inside.items():
        part = cohort.where(members)
        measured = measure(
            part.labels, part.probabilities, part.classes, groups=part.groups, intervals=intervals
        ).metrics
        shown = {key: metric for key, metric in measured.items() if key.partition("/")[0] in _SHOWN}
        found[name] = shown | {GAP: gaps[name]}
    return found


def _gaps(cohort: Cohort, inside: Mapping[str, NDArray[np.bool_]], intervals: IntervalSettings) -> dict[str, Metric]:
    """Return the accuracy gap of every subgroup, all from the same resampled patients."""
    if not inside:
        return {}
    right = (cohort.predicted == cohort.labels).astype(np.float64)
    members = np.column_stack([values.astype(np.float64) for values in inside.values()])
    columns = np.hstack([members * right[:, None], members, right[:, None]])
    number = len(inside)

    def statistic(weights: FloatArray) -> FloatArray:
        sums, total = weights @ columns, weights.sum(axis=1, keepdims=True)
        within = _share(sums[:, :number], sums[:, number : 2 * number])
        return within - _share(sums[:, -1:] - sums[:, :number], total - sums[:, number : 2 * number])

    result = bootstrap(
        statistic,
        num_cases=cohort.num_images,
        groups=cohort.groups,
        rounds=intervals.rounds,
        seed=intervals.seed,
    )
    found = {}
    for column, (name, values) in enumerate(inside.items()):
        interval, num_cases = result.interval(column), int(values.sum())
        parts = [(right[chosen], cohort.groups[chosen]) for chosen in (values, ~values)]
        if any(np.ptp(outcome) == 0 and len(np.unique(groups)) > 1 for outcome, groups in parts if outcome.size):
            # All right, or all wrong: every round repeats it. Wilson's interval does not take that for certain.
            interval = newcombe(*(clustered_wilson(outcome, groups) for outcome, groups in parts))
        if math.isfinite(interval.low):
            found[name] = Metric(
                name=GAP, value=interval.value, low=interval.low, high=interval.high, num_cases=num_cases
            )
        else:
            reason = "too few patients for an interval"
            found[name] = Metric(name=GAP, value=interval.value, num_cases=num_cases, reason=reason)
    return found


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def _reading_order(name: str) -> tuple[int, int, str]:
    return (int(name == UNKNOWN), _ORDER.get(name, -1), name)
