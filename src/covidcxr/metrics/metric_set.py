"""All metrics of one cohort at once, as a statistic of case weights, so that one bootstrap serves them all.

Names are those of the command line's ``--json``: ``accuracy``, ``sensitivity/CLASS``, ``auroc/CLASS``, ``ece`` and so
on. Cohorts, subgroups and reports are left to ``evaluation``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from covidcxr.core.errors import EvaluationError
from covidcxr.core.types import Metric
from covidcxr.metrics import confusion as of
from covidcxr.metrics.bootstrap import SAME_IN_EVERY_ROUND, BootstrapResult, bootstrap
from covidcxr.metrics.calibration import equal_mass_bins, without_bias
from covidcxr.metrics.checks import FloatArray, check_labels, check_probabilities
from covidcxr.metrics.discrimination import RankedScores
from covidcxr.metrics.intervals import NOT_ESTIMABLE, Interval, clustered_wilson, worst_case_auroc
from covidcxr.metrics.probabilities import brier_values, cross_entropy_values, micro_counts, true_class_probability
from covidcxr.metrics.settings import DEFAULT_INTERVALS, IntervalSettings, Method

_OVERALL: dict[str, Callable[[FloatArray], FloatArray]] = {
    "accuracy": of.accuracy,
    "balanced_accuracy": of.balanced_accuracy,
    "macro_f1": of.macro_f1,
    "mcc": of.mcc,
}
_PER_CLASS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "sensitivity": of.sensitivity,
    "specificity": of.specificity,
    "ppv": of.ppv,
    "npv": of.npv,
    "f1": of.f1,
}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scored:
    """A cohort's metrics, and the bootstrap they come from for whoever wants another interval."""

    metrics: Mapping[str, Metric]
    result: BootstrapResult
    names: tuple[str, ...]


class MetricSet:
    """Everything `metrics` measures on (N,) labels and (N, C) probabilities, as a `Statistic` of case weights.

    The predicted class is the most probable one, the first of equals.

    Args:
        labels: (N,) in [0, C).
        probabilities: (N, C), rows summing to 1.
        classes: C names.
        prevalence: Class to the prevalence at which its PPV and NPV are wanted too; names ``ppv_at/CLASS``.

    Raises:
        EvaluationError: If the arrays do not fit, or a prevalence is of an unknown class.
    """

    def __init__(
        self,
        labels: ArrayLike,
        probabilities: ArrayLike,
        classes: Sequence[str],
        *,
        prevalence: Mapping[str, float] | None = None,
        ece_bins: int = 10,
    ) -> None:
        self.classes = tuple(classes)
        self.labels = check_labels(labels, len(self.classes))
        self.probabilities = check_probabilities(probabilities, self.labels.size)
        if self.probabilities.shape[1] != len(self.classes):
            found = self.probabilities.shape[1]
            raise EvaluationError(
                f"probabilities: found {found} columns; expected one for each of {', '.join(classes)}"
            )
        self.predicted = self.probabilities.argmax(axis=1)
        self.confusion = of.confusion_matrix(self.labels, self.predicted, len(self.classes))
        self._prevalence = dict(prevalence or {})
        unknown = sorted(set(self._prevalence) - set(self.classes))
        if unknown:
            raise EvaluationError(f"prevalence of {', '.join(unknown)}: expected one of {', '.join(self.classes)}")
        self._ranked = [RankedScores(self.labels == c, self.probabilities[:, c]) for c in range(len(self.classes))]
        self._columns = self._sums()
        confidence = self.probabilities.max(axis=1)
        self._bin_order, self._bin_starts = equal_mass_bins(confidence, ece_bins)
        self._excess = (confidence - (self.predicted == self.labels))[self._bin_order]
        self.names = self._names()

    @property
    def num_cases(self) -> int:
        """Cases in the cohort."""
        return int(self.labels.size)

    def __call__(self, weights: FloatArray) -> FloatArray:
        """Return the metrics (R, K) for case weights (R, N), in the order of `names`."""
        num_classes = len(self.classes)
        sums = weights @ self._columns
        total = weights.sum(axis=1)
        matrix = sums[:, : num_classes**2].reshape(-1, num_classes, num_classes)
        values = [function(matrix)[:, np.newaxis] for function in _OVERALL.values()]
        values += [function(matrix) for function in _PER_CLASS.values()]
        for name, share in self._prevalence.items():
            column = self.classes.index(name)
            values += [of.ppv_at(matrix, share)[:, [column]], of.npv_at(matrix, share)[:, [column]]]
        measured = [ranked.measure(weights) for ranked in self._ranked]
        aurocs = np.stack([auroc for auroc, _ in measured], axis=1)
        values += [aurocs, aurocs.mean(axis=1, keepdims=True), np.stack([average for _, average in measured], axis=1)]
        brier, entropy, hits, called = (sums[:, num_classes**2 + offset] for offset in range(4))
        by_class = sums[:, num_classes**2 + 4 :]
        means = np.stack([brier, entropy, hits], axis=1) / total[:, np.newaxis]
        values += [means, _divide(hits, called)[:, np.newaxis], _divide(by_class, matrix.sum(axis=2))]
        gaps = np.add.reduceat(np.take(weights, self._bin_order, axis=1) * self._excess, self._bin_starts, axis=1)
        values.append((np.abs(gaps).sum(axis=1) / total)[:, np.newaxis])
        return np.concatenate(values, axis=1)

    def reason(self, name: str) -> str:
        """Return why the metric ``name`` has no value on this cohort."""
        metric, _, label = name.partition("/")
        actual, predicted = self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        if label in self.classes:
            column = self.classes.index(label)
            side = f"every case is {label}" if actual[column] else f"no case of {label}"
            one_sided = actual[column] in (0, self.num_cases)
            if metric == "ppv" or (metric == "ppv_at" and not one_sided):
                return f"no case was called {label}"
            if metric == "npv" or (metric == "npv_at" and not one_sided):
                return f"every case was called {label}"
            return side
        absent = [self.classes[c] for c in np.flatnonzero(actual == 0)]
        if metric == "micro_precision":
            return "no probability is above the threshold"
        if metric == "mcc" and np.count_nonzero(predicted) == 1:
            return "every case was called the same class"
        return f"no case of {', '.join(absent)}" if absent else "every case is of one class"

    def successes(self, name: str) -> tuple[FloatArray, FloatArray] | None:
        """Return, for a metric that is a plain proportion, outcomes (N,) and which cases count; None for others."""
        metric, _, label = name.partition("/")
        correct = (self.labels == self.predicted).astype(np.float64)
        if metric == "accuracy":
            return correct, np.ones(self.num_cases)
        if label not in self.classes or metric not in {"sensitivity", "specificity", "ppv", "npv"}:
            return None
        column = self.classes.index(label)
        is_class, is_called = self.labels == column, self.predicted == column
        agreed = (is_class == is_called).astype(np.float64)
        counted = {"sensitivity": is_class, "specificity": ~is_class, "ppv": is_called, "npv": ~is_called}[metric]
        return agreed, counted.astype(np.float64)

    def interval_of_constant(self, name: str, groups: ArrayLike | None, *, level: float) -> Interval | None:
        """Return an interval of a metric that every resampled cohort repeats; None if no closed form is known.

        Proportions have Wilson's, AUROCs that of `worst_case_auroc`, and predictive values at a named prevalence lie
        between those of the lower and of the upper limits of sensitivity and specificity.
        """
        metric, _, label = name.partition("/")
        if (proportion := self.successes(name)) is not None:
            outcome, counted = proportion[0], proportion[1] > 0
            members = None if groups is None else np.asarray(groups)[counted]
            return clustered_wilson(outcome[counted], members, level=level)
        if label not in self.classes:
            return None
        column = self.classes.index(label)
        value = float(self(np.ones((1, self.num_cases)))[0, self.names.index(name)])
        if metric == "auroc":
            return worst_case_auroc(value, self.labels == column, groups, level=level)
        if metric in {"ppv_at", "npv_at"}:
            function = of.ppv_from if metric == "ppv_at" else of.npv_from
            found, cleared = (
                self.interval_of_constant(f"{part}/{label}", groups, level=level) or NOT_ESTIMABLE
                for part in ("sensitivity", "specificity")
            )
            low = float(function(found.low, cleared.low, self._prevalence[label]))
            return Interval(
                value=value, low=low, high=float(function(found.high, cleared.high, self._prevalence[label]))
            )
        return None

    def _sums(self) -> FloatArray:
        num_classes = len(self.classes)
        cells = np.eye(num_classes**2)[self.labels * num_classes + self.predicted]
        hits, called = micro_counts(self.labels, self.probabilities)
        true_probability = true_class_probability(self.labels, self.probabilities)
        by_class = np.eye(num_classes)[self.labels] * true_probability[:, np.newaxis]
        values = [brier_values(self.labels, self.probabilities), cross_entropy_values(self.labels, self.probabilities)]
        return np.column_stack([cells, *values, hits, called, by_class])

    def _names(self) -> tuple[str, ...]:
        names = list(_OVERALL)
        names += [f"{metric}/{label}" for metric in _PER_CLASS for label in self.classes]
        names += [f"{metric}/{label}" for label in self._prevalence for metric in ("ppv_at", "npv_at")]
        names += [f"auroc/{label}" for label in self.classes] + ["auroc_macro"]
        names += [f"average_precision/{label}" for label in self.classes]
        names += ["brier", "cross_entropy", "micro_recall", "micro_precision"]
        names += [f"true_probability/{label}" for label in self.classes]
        return (*names, "ece")


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
) -> Scored:
    """Measure everything on one cohort, with patient-clustered bootstrap intervals.

    Args:
        labels: (N,) in [0, C).
        probabilities: (N, C), rows summing to 1.
        classes: C names.
        groups: (N,) patients; None if every case is a patient of its own.
        intervals: How intervals are made.
        level: Of the intervals.
        prevalence: As `MetricSet`.
        ece_bins: Equal-mass bins of the expected calibration error.

    Raises:
        EvaluationError: As `MetricSet` and `bootstrap`.
    """
    metric_set = MetricSet(labels, probabilities, classes, prevalence=prevalence, ece_bins=ece_bins)
    result = bootstrap(
        metric_set,
        num_cases=metric_set.num_cases,
        groups=groups,
        rounds=intervals.rounds,
        seed=intervals.seed,
        jackknife=intervals.method == "bca",
    )
    metrics = {
        name: _metric(metric_set, result, column, groups=groups, level=level, method=intervals.method)
        for column, name in enumerate(metric_set.names)
    }
    return Scored(metrics=metrics, result=result, names=metric_set.names)


def _metric(
    metric_set: MetricSet,
    result: BootstrapResult,
    column: int,
    *,
    groups: ArrayLike | None,
    level: float,
    method: Method,
) -> Metric:
    name = metric_set.names[column]
    proportion = metric_set.successes(name)
    num_cases = metric_set.num_cases if proportion is None else int(proportion[1].sum())
    interval = result.interval(column, method=method, level=level)
    if name == "ece":
        interval = without_bias(interval, float(np.median(result.rounds[:, column])))
    if not math.isfinite(interval.value):
        return Metric(name=name, value=None, num_cases=num_cases, reason=metric_set.reason(name))
    if result.num_clusters > 1 and result.is_constant(column):
        # All right, or all ranked rightly: every round repeats it, and a bootstrap would claim certainty.
        known = metric_set.interval_of_constant(name, groups, level=level)
        if known is None:
            return Metric(name=name, value=interval.value, num_cases=num_cases, reason=SAME_IN_EVERY_ROUND)
        interval = known
    if not math.isfinite(interval.low):
        few = result.num_clusters < 2
        reason = "one patient only: no interval" if few else "too few patients: no value in over 10 % of the rounds"
        return Metric(name=name, value=interval.value, num_cases=num_cases, reason=reason)
    return Metric(name=name, value=interval.value, low=interval.low, high=interval.high, num_cases=num_cases)


def _divide(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    return np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator > 0)
