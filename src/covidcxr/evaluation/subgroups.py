"""The same metrics in parts of a cohort: by source, sex, age band and view, with the gap to the rest.

A subgroup that is small is marked, not hidden; a metric that needs a class the subgroup lacks is not estimable there.
"""

from __future__ import annotations

import math

import numpy as np

from covidcxr.core.types import Metric
from covidcxr.evaluation.cohort import AGE_BANDS, OLDEST_BAND, UNKNOWN, Cohort
from covidcxr.metrics.bootstrap import bootstrap
from covidcxr.metrics.checks import FloatArray
from covidcxr.metrics.metric_set import measure

SMALL_PATIENTS = 20
GAP = "accuracy_gap"
_SHOWN = ("accuracy", "balanced_accuracy", "sensitivity", "specificity", "auroc")
_ORDER = {band: position for position, band in enumerate([*(band for _, band in AGE_BANDS), OLDEST_BAND])}


def subgroup_metrics(cohort: Cohort, *, rounds: int, seed: int) -> dict[str, dict[str, Metric]]:
    """Return for every subgroup ("sex=F") its metrics, and ``accuracy_gap``: its accuracy less that of the rest.

    A column in which every case has the same value tells nothing and is left out.
    """
    found: dict[str, dict[str, Metric]] = {}
    for column, values in cohort.columns.items():
        names = sorted(set(values.tolist()), key=_reading_order)
        if len(names) < 2:
            continue
        for name in names:
            inside = values == name
            part = cohort.where(inside)
            measured = measure(
                part.labels, part.probabilities, part.classes, groups=part.groups, rounds=rounds, seed=seed
            ).metrics
            shown = {key: metric for key, metric in measured.items() if key.partition("/")[0] in _SHOWN}
            found[f"{column}={name}"] = shown | {GAP: _gap(cohort, inside, rounds=rounds, seed=seed)}
    return found


def is_small(metrics: dict[str, Metric], num_patients: int) -> bool:
    """Return whether a subgroup is too small for its values to mean much."""
    return num_patients < SMALL_PATIENTS or metrics["accuracy"].num_cases < SMALL_PATIENTS


def _gap(cohort: Cohort, inside: np.ndarray[tuple[int], np.dtype[np.bool_]], *, rounds: int, seed: int) -> Metric:
    right = (cohort.predicted == cohort.labels).astype(np.float64)
    within = inside.astype(np.float64)
    columns = np.column_stack([within * right, within, (1 - within) * right, 1 - within])

    def statistic(weights: FloatArray) -> FloatArray:
        sums = weights @ columns
        shares = np.full((weights.shape[0], 2), np.nan)
        np.divide(sums[:, 0::2], sums[:, 1::2], out=shares, where=sums[:, 1::2] > 0)
        return np.asarray(shares[:, :1] - shares[:, 1:])

    interval = bootstrap(
        statistic, num_cases=cohort.num_images, groups=cohort.groups, rounds=rounds, seed=seed
    ).interval(0)
    num_cases = int(within.sum())
    if not math.isfinite(interval.low):
        return Metric(name=GAP, value=interval.value, num_cases=num_cases, reason="too few patients for an interval")
    return Metric(name=GAP, value=interval.value, low=interval.low, high=interval.high, num_cases=num_cases)


def _reading_order(name: str) -> tuple[int, int, str]:
    return (int(name == UNKNOWN), _ORDER.get(name, -1), name)
