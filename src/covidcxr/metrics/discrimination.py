"""How well a score separates one class from the rest: AUROC and average precision.

A score is any number that is higher where the class is more likely. Which class, and intervals, are left to others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from covidcxr.metrics.checks import FloatArray, check_scores


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
