"""The same metrics in parts of a cohort: by source, sex, age band and view, with the gap to the rest.

A subgroup that is small is marked, not hidden; a metric that needs a class the subgroup lacks is not estimable there.
"""

from __future__ import annotations

from covidcxr.core.types import Metric
from covidcxr.evaluation.cohort import AGE_BANDS, OLDEST_BAND, UNKNOWN, Cohort
from covidcxr.metrics.checks import BoolArray
from covidcxr.metrics.intervals import clustered_wilson, newcombe
from covidcxr.metrics.measure import measure
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
    found: dict[str, dict[str, Metric]] = {}
    for name, members in inside.items():
        part = cohort.where(members)
        measured = measure(
            part.labels,
            part.probabilities,
            part.classes,
            groups=part.groups,
            intervals=intervals,
            calibration=False,
        )
        shown = {key: metric for key, metric in measured.items() if key.partition("/")[0] in _SHOWN}
        found[name] = shown | {GAP: _gap(cohort, members)}
    return found


def _gap(cohort: Cohort, members: BoolArray) -> Metric:
    """Return the accuracy of the ``members`` (N,) less that of the rest.

    From the intervals of the two; patients on both sides would make it narrower, never wider.
    """
    right = cohort.predicted == cohort.labels
    gap = newcombe(*(clustered_wilson(right[chosen], cohort.groups[chosen]) for chosen in (members, ~members)))
    return gap.metric(GAP, int(members.sum()))


def _reading_order(name: str) -> tuple[int, int, str]:
    return (int(name == UNKNOWN), _ORDER.get(name, -1), name)
