"""How well a score separates one class from the rest: AUROC, average precision, ROC and precision-recall curves.

A score is any number that is higher where the class is more likely. Which class, and intervals, are left to others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from covidcxr.metrics.checks import BoolArray, FloatArray, check_scores


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RocCurve:
    """Points from (0, 0) to (1, 1), one for each distinct score, float64 (T,).

    Attributes:
        false_positive_rate: 1 - specificity.
        true_positive_rate: Sensitivity.
        thresholds: Cases with a score >= threshold are called positive; the first is infinity.
    """

    false_positive_rate: FloatArray
    true_positive_rate: FloatArray
    thresholds: FloatArray


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PrecisionRecallCurve:
    """Points by falling threshold, float64 (T,); precision has no value at recall 0."""

    precision: FloatArray
    recall: FloatArray
    thresholds: FloatArray


class RankedScores:
    """Scores ranked once, so that many bootstrap weightings of them are cheap.

    Ties count one half in the AUROC; average precision is the step-wise sum over distinct thresholds (as
    scikit-learn defines it, without interpolation).
    """

    def __init__(self, positive: ArrayLike, scores: ArrayLike) -> None:
        is_positive, values = check_scores(positive, scores)
        rising = np.argsort(values, kind="stable")
        self._positives = rising[is_positive[rising]]
        self._negatives = rising[~is_positive[rising]]
        positive_scores, negative_scores = values[self._positives], values[self._negatives]
        self._below = np.searchsorted(negative_scores, positive_scores, side="left")
        self._not_above = np.searchsorted(negative_scores, positive_scores, side="right")
        self._first_tied = np.searchsorted(positive_scores, positive_scores, side="left")
        self._negative_ties = bool((self._below != self._not_above).any())
        self._positive_ties = bool((self._first_tied != np.arange(positive_scores.size)).any())

    def measure(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return AUROC and average precision, each (R,), for case weights (R, N); NaN where a side has no weight."""
        positive_weights = np.take(weights, self._positives, axis=1)
        cumulative = np.zeros((weights.shape[0], self._negatives.size + 1))
        np.cumsum(np.take(weights, self._negatives, axis=1), axis=1, out=cumulative[:, 1:])
        below = np.take(cumulative, self._below, axis=1)
        negative_total = cumulative[:, -1]
        positive_total = positive_weights.sum(axis=1)
        wins = np.einsum("rn,rn->r", positive_weights, below)
        if self._negative_ties:
            not_above = np.take(cumulative, self._not_above, axis=1)
            wins = 0.5 * (wins + np.einsum("rn,rn->r", positive_weights, not_above))
        pairs = positive_total * negative_total
        auroc = np.divide(wins, pairs, out=np.full_like(pairs, np.nan), where=pairs > 0)
        precision = self._precision(positive_weights, positive_total, below, negative_total)
        average = np.einsum("rn,rn->r", positive_weights, precision)
        average = np.divide(average, positive_total, out=np.full_like(average, np.nan), where=positive_total > 0)
        return auroc, average

    def _precision(
        self, positive_weights: FloatArray, positive_total: FloatArray, below: FloatArray, negative_total: FloatArray
    ) -> FloatArray:
        reached = np.cumsum(positive_weights, axis=1)
        np.subtract(positive_total[:, np.newaxis] + 0.0, reached, out=reached)
        reached += positive_weights
        if self._positive_ties:
            reached = np.take(reached, self._first_tied, axis=1)
        called = negative_total[:, np.newaxis] - below
        called += reached
        np.maximum(called, np.finfo(np.float64).tiny, out=called)
        return np.divide(reached, called, out=reached)


def auroc(positive: ArrayLike, scores: ArrayLike) -> float:
    """Return the chance that a positive case scores above a negative one, ties one half; NaN if a side is empty."""
    ranked = RankedScores(positive, scores)
    return float(ranked.measure(np.ones((1, np.size(scores))))[0][0])


def average_precision(positive: ArrayLike, scores: ArrayLike) -> float:
    """Return the area under the precision-recall steps; NaN without positives."""
    ranked = RankedScores(positive, scores)
    return float(ranked.measure(np.ones((1, np.size(scores))))[1][0])


def roc_curve(positive: ArrayLike, scores: ArrayLike, weights: FloatArray | None = None) -> RocCurve:
    """Return the ROC curve of (N,) truths and scores; rates are NaN where a side is empty."""
    is_positive, values = check_scores(positive, scores)
    true_positives, false_positives, thresholds = _falling(is_positive, values, weights)
    return RocCurve(
        false_positive_rate=_share(np.concatenate([[0.0], false_positives])),
        true_positive_rate=_share(np.concatenate([[0.0], true_positives])),
        thresholds=np.concatenate([[np.inf], thresholds]),
    )


def precision_recall_curve(
    positive: ArrayLike, scores: ArrayLike, weights: FloatArray | None = None
) -> PrecisionRecallCurve:
    """Return the precision-recall curve of (N,) truths and scores; recall is NaN without positives."""
    is_positive, values = check_scores(positive, scores)
    true_positives, false_positives, thresholds = _falling(is_positive, values, weights)
    called = true_positives + false_positives
    precision = np.divide(true_positives, called, out=np.full_like(called, np.nan), where=called > 0)
    return PrecisionRecallCurve(precision=precision, recall=_share(true_positives), thresholds=thresholds)


def _falling(
    positive: BoolArray, scores: FloatArray, weights: FloatArray | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    falling = np.argsort(-scores, kind="stable")
    ordered = scores[falling]
    last_of_tie = np.append(np.flatnonzero(np.diff(ordered)), ordered.size - 1)
    weight = np.ones(scores.size) if weights is None else weights[falling]
    true_positives = np.cumsum(weight * positive[falling])[last_of_tie]
    false_positives = np.cumsum(weight * ~positive[falling])[last_of_tie]
    return true_positives, false_positives, ordered[last_of_tie]


def _share(counts: FloatArray) -> FloatArray:
    return counts / counts[-1] if counts[-1] > 0 else np.full_like(counts, np.nan)
