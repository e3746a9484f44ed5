"""A cohort becomes an `EvaluationReport`: every metric with its patient-clustered interval, or why it has none.

What the metrics are is known to `covidcxr.metrics`; which numbers a publication prints, to `published`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from covidcxr.core.types import EvaluationReport, Metric
from covidcxr.evaluation.cohort import Cohort
from covidcxr.evaluation.subgroups import subgroup_metrics
from covidcxr.metrics.bootstrap import SAME_IN_EVERY_ROUND, BootstrapResult, bootstrap
from covidcxr.metrics.calibration import calibration_error_interval
from covidcxr.metrics.checks import FloatArray
from covidcxr.metrics.confusion import confusion_matrix
from covidcxr.metrics.metric_set import measure
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
    scored = measure(
        cohort.labels,
        cohort.probabilities,
        cohort.classes,
        groups=cohort.groups,
        intervals=intervals,
        prevalence=prevalence,
    )
    metrics = dict(scored.metrics)
    metrics["ece"] = _calibration_error(cohort, metrics["ece"], intervals)
    metrics |= _published_metrics(cohort, intervals, label_smoothing=label_smoothing)
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


def _calibration_error(cohort: Cohort, plain: Metric, intervals: IntervalSettings) -> Metric:
    """Return the calibration error with the bias-corrected interval, where there is an interval at all."""
    if plain.value is None or plain.low is None:
        return plain
    confidence = cohort.probabilities.max(axis=1)
    interval = calibration_error_interval(
        confidence,
        cohort.predicted == cohort.labels,
        groups=cohort.groups,
        rounds=intervals.rounds,
        seed=intervals.seed,
    )
    return replace(plain, value=interval.value, low=interval.low, high=interval.high)


def _published_metrics(cohort: Cohort, intervals: IntervalSettings, *, label_smoothing: float) -> dict[str, Metric]:
    """Return the smoothed cross-entropy, and the micro metrics on the images of each class alone."""
    num_classes = len(cohort.classes)
    members = np.eye(num_classes)[cohort.labels]
    smoothed = _smoothed_cross_entropy(cohort, label_smoothing)
    hits, called = micro_counts(cohort.labels, cohort.probabilities)
    columns = np.column_stack(
        [members, members * smoothed[:, None], members * hits[:, None], members * called[:, None]]
    )

    def statistic(weights: FloatArray) -> FloatArray:
        counts, losses, hit, call = np.split(weights @ columns, 4, axis=1)
        overall = losses.sum(axis=1, keepdims=True) / counts.sum(axis=1, keepdims=True)
        return np.concatenate([overall, _ratio(losses, counts), _ratio(hit, call), _ratio(hit, counts)], axis=1)

    result = bootstrap(
        statistic,
        num_cases=cohort.num_images,
        groups=cohort.groups,
        rounds=intervals.rounds,
        seed=intervals.seed,
    )
    names = ["cross_entropy_smoothed"]
    names += [
        f"{metric}/{label}"
        for metric in ("cross_entropy_smoothed", "micro_precision", "micro_recall")
        for label in cohort.classes
    ]
    return {name: _metric(cohort, result, column, name) for column, name in enumerate(names)}


def _metric(cohort: Cohort, result: BootstrapResult, column: int, name: str) -> Metric:
    _, _, label = name.partition("/")
    num_cases = int((cohort.labels == cohort.classes.index(label)).sum()) if label else cohort.num_images
    interval = result.interval(column)
    if not math.isfinite(interval.value):
        reason = f"no case of {label}" if not num_cases else "no probability is above the threshold"
        return Metric(name=name, value=None, num_cases=num_cases, reason=reason)
    if result.num_clusters > 1 and result.is_constant(column):
        return Metric(name=name, value=interval.value, num_cases=num_cases, reason=SAME_IN_EVERY_ROUND)
    if not math.isfinite(interval.low):
        reason = "one patient only: no interval" if result.num_clusters < 2 else "too few patients for an interval"
        return Metric(name=name, value=interval.value, num_cases=num_cases, reason=reason)
    return Metric(name=name, value=interval.value, low=interval.low, high=interval.high, num_cases=num_cases)


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
    if cohort.num_patients == 1:
        notes.append("All images are of one patient: there is nothing to draw from, so no interval is estimable.")
    return tuple(notes)


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    return np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator > 0)
