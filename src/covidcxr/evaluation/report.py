"""A cohort becomes an `EvaluationReport`: every metric with its interval by patient, or why it has none.

What the metrics are is known to `covidcxr.metrics`; which numbers a publication prints, to `published`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from covidcxr.core.types import EvaluationReport, Metric
from covidcxr.evaluation.cohort import Cohort
from covidcxr.evaluation.subgroups import subgroup_metrics
from covidcxr.metrics.checks import BoolArray, FloatArray
from covidcxr.metrics.confusion import confusion_matrix
from covidcxr.metrics.intervals import MIN_PATIENTS, clustered_wilson, too_few
from covidcxr.metrics.linearised import linearise
from covidcxr.metrics.measure import measure
from covidcxr.metrics.probabilities import KERAS_EPSILON, micro_counts
from covidcxr.metrics.settings import DEFAULT_INTERVALS, IntervalSettings


def evaluate_cohort(
    cohort: Cohort,
    *,
    intervals: IntervalSettings = DEFAULT_INTERVALS,
    label_smoothing: float = 0.0,
    prevalence: Mapping[str, float] | None = None,
    subgroups: bool = True,
    more: Mapping[str, Metric] | None = None,
    notes: Sequence[str] = (),
) -> EvaluationReport:
    """Measure everything on ``cohort``.

    Args:
        cohort: The cases.
        intervals: How intervals are made; patients are drawn, not images.
        label_smoothing: Of the training loss; ``cross_entropy_smoothed`` is taken against targets smoothed so.
        prevalence: Class to the prevalence at which its predictive values are wanted too (``ppv_at/CLASS``).
        subgroups: Also measure by source, sex, age band and view.
        more: Metrics that were measured on the cohort elsewhere, such as those of heat maps.
        notes: What else a reader of the numbers must know.

    Raises:
        EvaluationError: If a prevalence is of an unknown class, or there are no rounds.
    """
    metrics = measure(
        cohort.labels,
        cohort.probabilities,
        cohort.classes,
        groups=cohort.groups,
        intervals=intervals,
        prevalence=prevalence,
    )
    metrics |= _published_metrics(cohort, label_smoothing=label_smoothing)
    return EvaluationReport(
        cohort=cohort.name,
        classes=cohort.classes,
        num_images=cohort.num_images,
        num_patients=cohort.num_patients,
        metrics=metrics | dict(more or {}),
        confusion=confusion_matrix(cohort.labels, cohort.predicted, len(cohort.classes)),
        subgroups=subgroup_metrics(cohort, intervals.at_most(1000)) if subgroups else {},
        notes=(*cohort.notes, *_warnings(cohort), *notes),
    )


def _published_metrics(cohort: Cohort, *, label_smoothing: float) -> dict[str, Metric]:
    """Return the smoothed cross-entropy, and the micro metrics on the images of each class alone."""
    smoothed = _smoothed_cross_entropy(cohort, label_smoothing)
    hits, called = micro_counts(cohort.labels, cohort.probabilities)
    everyone = np.ones(cohort.num_images, dtype=np.bool_)
    metrics = [_mean("cross_entropy_smoothed", smoothed, everyone, cohort)]
    members = {label: cohort.labels == column for column, label in enumerate(cohort.classes)}
    metrics += [_mean(f"cross_entropy_smoothed/{label}", smoothed, own, cohort) for label, own in members.items()]
    for name, asked in (("micro_precision", called > 0), ("micro_recall", everyone)):
        for label, own in members.items():
            counted = own & asked
            interval = clustered_wilson(hits[counted], cohort.groups[counted])
            absent = f"no case of {label}" if not own.any() else "no probability is above the threshold"
            metrics.append(interval.metric(f"{name}/{label}", int(own.sum()), absent=absent))
    return {metric.name: metric for metric in metrics}


def _mean(name: str, values: FloatArray, counted: BoolArray, cohort: Cohort) -> Metric:
    """Return the mean of positive ``values`` (N,) over the cases that count."""
    chosen, groups = values[counted], cohort.groups[counted]
    if not chosen.size:
        return Metric(name=name, value=None, num_cases=0, reason=f"no case of {name.partition('/')[2]}")
    linear = linearise(
        lambda weights: (weights @ chosen / weights.sum(axis=1))[:, np.newaxis], num_cases=chosen.size, groups=groups
    )
    interval = linear.interval(0, scale="positive", too_few=too_few(groups, chosen.size))
    return interval.metric(name, chosen.size)


def _smoothed_cross_entropy(cohort: Cohort, smoothing: float) -> FloatArray:
    """Return each case's cross-entropy against 1 - s + s/C on its class and s/C elsewhere, as Keras defines it."""
    num_classes = len(cohort.classes)
    logs = -np.log(np.clip(cohort.probabilities, KERAS_EPSILON, 1.0 - KERAS_EPSILON))
    targets = np.eye(num_classes)[cohort.labels] * (1.0 - smoothing) + smoothing / num_classes
    return np.asarray((targets * logs).sum(axis=1))


def _warnings(cohort: Cohort) -> tuple[str, ...]:
    counts = np.bincount(cohort.labels, minlength=len(cohort.classes))
    notes = []
    absent = [label for label, count in zip(cohort.classes, counts, strict=True) if not count]
    if absent:
        notes.append(f"There is no case of {', '.join(absent)}, so what needs one is not estimable.")
    small = [f"{label} ({count})" for label, count in zip(cohort.classes, counts, strict=True) if 0 < count < 30]
    if small:
        notes.append(f"Few cases of {', '.join(small)}: read the intervals, not the values.")
    if cohort.num_patients < MIN_PATIENTS:
        patients = "one patient" if cohort.num_patients == 1 else f"{cohort.num_patients} patients"
        notes.append(f"All images are of {patients}: no interval is given with fewer than {MIN_PATIENTS}.")
    return tuple(notes)
