"""All metrics of one cohort at once, as a statistic of case weights, so that one bootstrap serves them all.

Names are those of the command line's ``--json``: ``accuracy``, ``sensitivity/CLASS``, ``auroc/CLASS``, ``ece`` and so
on. Intervals are made in `measure`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics import confusion as of
from covidcxr.metrics.calibration import equal_mass_bins
from covidcxr.metrics.checks import FloatArray, check_labels, check_probabilities
from covidcxr.metrics.discrimination import RankedScores
from covidcxr.metrics.probabilities import brier_values, cross_entropy_values, micro_counts, true_class_probability

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
        self.prevalence = dict(prevalence or {})
        unknown = sorted(set(self.prevalence) - set(self.classes))
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
        for name, share in self.prevalence.items():
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
        if metric in {"micro_recall", "micro_precision"}:
            hits, called = micro_counts(self.labels, self.probabilities)
            return hits, called if metric == "micro_precision" else np.ones(self.num_cases)
        if label not in self.classes or metric not in {"sensitivity", "specificity", "ppv", "npv"}:
            return None
        column = self.classes.index(label)
        is_class, is_called = self.labels == column, self.predicted == column
        agreed = (is_class == is_called).astype(np.float64)
        counted = {"sensitivity": is_class, "specificity": ~is_class, "ppv": is_called, "npv": ~is_called}[metric]
        return agreed, counted.astype(np.float64)

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
        names += [f"{metric}/{label}" for label in self.prevalence for metric in ("ppv_at", "npv_at")]
        names += [f"auroc/{label}" for label in self.classes] + ["auroc_macro"]
        names += [f"average_precision/{label}" for label in self.classes]
        names += ["brier", "cross_entropy", "micro_recall", "micro_precision"]
        names += [f"true_probability/{label}" for label in self.classes]
        return (*names, "ece")


def _divide(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    return np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator > 0)
