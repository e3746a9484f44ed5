"""Prediction sets that hold the true class as often as asked, in each class of its own (Vovk 2012, Mondrian).

Split conformal prediction: a case's score is 1 less the probability of its class, and the threshold of a class is
the finite-sample quantile of its scores on the calibration part. The promise holds for exchangeable cases, so not for
another hospital; measuring that is left to `set_coverage` on external cohorts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.checks import BoolArray, FloatArray, check_labels, check_probabilities
from covidcxr.metrics.intervals import Interval, clustered_wilson


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ConformalSets:
    """What a bundle keeps of the calibration.

    Attributes:
        coverage: Share of cases of each class whose set shall hold their class.
        thresholds: float64 (C,); a class is in the set if 1 less its probability is at most this. 1 for a class with
            too few calibration cases, which is then in every set.
    """

    coverage: float
    thresholds: FloatArray

    def sets(self, probabilities: ArrayLike) -> BoolArray:
        """Return which classes are in each case's set, bool (N, C); a row may be empty, or hold all classes."""
        values = check_probabilities(probabilities, np.shape(probabilities)[0])
        if values.shape[1] != self.thresholds.size:
            raise EvaluationError(
                f"found {values.shape[1]} classes; expected the {self.thresholds.size} of the calibration"
            )
        return np.asarray(1.0 - values <= self.thresholds)


def fit_conformal(probabilities: ArrayLike, labels: ArrayLike, *, coverage: float = 0.9) -> ConformalSets:
    """Fit class-conditional sets on a calibration part of (N, C) probabilities and (N,) labels.

    Raises:
        EvaluationError: If ``coverage`` is not between 0 and 1, or the arrays do not fit.
    """
    if not 0.0 < coverage < 1.0:
        raise EvaluationError(f"coverage: found {coverage}; expected a share between 0 and 1, for example 0.9")
    values = check_probabilities(probabilities, np.size(labels))
    truth = check_labels(labels, values.shape[1])
    scores = 1.0 - values[np.arange(truth.size), truth]
    of_class = [np.sort(scores[truth == c]) for c in range(values.shape[1])]
    return ConformalSets(
        coverage=coverage,
        thresholds=np.array([_quantile(ordered, coverage) for ordered in of_class]),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SetCoverage:
    """How often sets hold the true class, overall and by class, and how large they are.

    Attributes:
        overall: Share of all cases, with a clustered Wilson interval.
        by_class: The same for each class; NaN for a class without cases.
        mean_size: Mean number of classes in a set.
        singletons: Share of sets with exactly one class.
        empty: Share of sets without any.
    """

    overall: Interval
    by_class: tuple[Interval, ...]
    mean_size: float
    singletons: float
    empty: float


def set_coverage(sets: BoolArray, labels: ArrayLike, *, groups: ArrayLike | None = None) -> SetCoverage:
    """Measure (N, C) prediction sets against (N,) labels.

    Raises:
        EvaluationError: If the arrays do not fit.
    """
    num_cases, num_classes = sets.shape
    truth = check_labels(labels, num_classes)
    if truth.size != num_cases:
        raise EvaluationError(f"prediction sets: found {num_cases} for {truth.size} cases; expected one for each case")
    held = sets[np.arange(num_cases), truth]
    patients = None if groups is None else np.asarray(groups)
    by_class = []
    for column in range(num_classes):
        members = truth == column
        by_class.append(clustered_wilson(held[members], None if patients is None else patients[members]))
    sizes = sets.sum(axis=1)
    return SetCoverage(
        overall=clustered_wilson(held, patients),
        by_class=tuple(by_class),
        mean_size=float(sizes.mean()),
        singletons=float((sizes == 1).mean()),
        empty=float((sizes == 0).mean()),
    )


def _quantile(ordered: FloatArray, coverage: float) -> float:
    rank = math.ceil((ordered.size + 1) * coverage - 1e-12)
    return float(ordered[rank - 1]) if rank <= ordered.size else 1.0
