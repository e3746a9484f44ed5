"""Whether a probability means what it says: temperature scaling, reliability, calibration error.

Scaling is fitted on the validation part only; who keeps it from the test part is the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.bootstrap import SAME_IN_EVERY_ROUND, bootstrap
from covidcxr.metrics.checks import FloatArray, IntArray, check_labels, check_truths
from covidcxr.metrics.intervals import Interval, clustered_wilson

_LOG_TEMPERATURE_BOUND = 5.0  # temperatures from 1/148 to 148


@dataclass(frozen=True, kw_only=True, slots=True)
class TemperatureScaling:
    """Logits are divided by ``temperature`` before softmax (Guo 2017); the predicted class never changes."""

    temperature: float

    def probabilities(self, logits: ArrayLike) -> FloatArray:
        """Return calibrated probabilities (N, C) of ``logits`` (N, C)."""
        return np.asarray(special.softmax(np.asarray(logits, dtype=np.float64) / self.temperature, axis=1))


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> TemperatureScaling:
    """Return the temperature that minimises cross-entropy on (N, C) logits and (N,) labels.

    Raises:
        EvaluationError: If the arrays do not fit or a logit is not finite.
    """
    values, truth = _check_logits(logits, labels)

    def loss(log_temperature: float) -> float:
        return _cross_entropy(values / np.exp(log_temperature), truth)

    bounds = (-_LOG_TEMPERATURE_BOUND, _LOG_TEMPERATURE_BOUND)
    found = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return TemperatureScaling(temperature=float(np.exp(found.x)))


def equal_mass_bins(values: ArrayLike, num_bins: int) -> tuple[IntArray, IntArray]:
    """Return the order that sorts ``values`` (N,) and the start of each bin of as equal a size as possible.

    Equal values are in one bin, so that nothing depends on their order: bins are then of unequal size, and fewer, as
    they are where there are fewer cases than bins.

    Raises:
        EvaluationError: If ``num_bins`` is less than 1.
    """
    if num_bins < 1:
        raise EvaluationError(f"bins: found {num_bins}; expected at least 1, usually 10")
    array = np.asarray(values, dtype=np.float64)
    order = np.argsort(array, kind="stable")
    bins = min(num_bins, array.size)
    starts = (np.arange(bins) * array.size) // bins
    ordered = array[order]
    starts = np.unique(np.searchsorted(ordered, ordered[starts], side="left")) if array.size else starts
    return order.astype(np.int64), starts.astype(np.int64)


def expected_calibration_error(confidence: ArrayLike, correct: ArrayLike, *, num_bins: int = 10) -> float:
    """Return the mean |confidence - share correct| over equal-mass bins of (N,) cases (Nixon 2019, one norm)."""
    order, starts = equal_mass_bins(confidence, num_bins)
    excess = (
        np.asarray(confidence, dtype=np.float64)[order]
        - check_truths(correct, what="outcomes").astype(np.float64)[order]
    )
    return float(np.abs(np.add.reduceat(excess, starts)).sum() / order.size) if order.size else float("nan")


def calibration_error_interval(
    confidence: ArrayLike,
    correct: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    num_bins: int = 10,
    rounds: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Return the expected calibration error with a bootstrap interval that draws patients.

    On few cases an error near 0 is overestimated, because an absolute value turns the noise of each bin into error. The
    lower limit allows for all of it: no calibration error is further from its estimate than the bins together from
    theirs. So the interval is wider than it need be, and holds the truth in 93-100 % of simulated cohorts; shifted
    percentiles do in 75-92 %.
    """
    order, starts, excess = _binned_excess(confidence, correct, num_bins)

    def gaps(weights: FloatArray) -> FloatArray:
        sums = np.add.reduceat(np.take(weights, order, axis=1) * excess, starts, axis=1)
        return np.asarray(sums / weights.sum(axis=1, keepdims=True))

    result = bootstrap(gaps, num_cases=order.size, groups=groups, rounds=rounds, seed=seed)
    value = float(np.abs(result.point).sum())
    if result.too_few:
        return Interval.none(value, result.too_few)
    moved = np.abs(result.rounds - result.point).sum(axis=1)
    if float(moved.max()) <= 1e-12:
        return Interval.none(value, SAME_IN_EVERY_ROUND)
    drawn = np.abs(result.rounds).sum(axis=1)
    bias = float(np.median(drawn)) - value
    low = max(0.0, value - float(np.quantile(moved, level)))
    return Interval(value=value, low=low, high=max(value, float(np.quantile(drawn, 0.5 + level / 2)) - bias))


def _binned_excess(confidence: ArrayLike, correct: ArrayLike, num_bins: int) -> tuple[IntArray, IntArray, FloatArray]:
    """Return order and starts of the bins, and confidence less whether right in that order, (N,)."""
    order, starts = equal_mass_bins(confidence, num_bins)
    right = check_truths(correct, what="outcomes").astype(np.float64)
    return order, starts, (np.asarray(confidence, dtype=np.float64) - right)[order]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReliabilityBin:
    """One bin of a reliability diagram.

    Attributes:
        confidence: Mean predicted probability, in [0, 1].
        observed: Share of cases for which the event happened, with ``low`` and ``high`` (clustered Wilson, 95 %).
        num_cases: Cases in the bin.
    """

    confidence: float
    observed: float
    low: float
    high: float
    num_cases: int


def reliability_curve(
    predicted: ArrayLike, happened: ArrayLike, *, groups: ArrayLike | None = None, num_bins: int = 10
) -> tuple[ReliabilityBin, ...]:
    """Return the reliability diagram of (N,) predicted probabilities and whether the event happened.

    For the top label, ``predicted`` is the confidence and ``happened`` whether it was right; for one class, its
    probability and whether the case is of it. Bins hold as equal a number of cases as possible.
    """
    order, starts = equal_mass_bins(predicted, num_bins)
    probability = np.asarray(predicted, dtype=np.float64)[order]
    outcome = check_truths(happened, what="outcomes").astype(np.float64)[order]
    patients = None if groups is None else np.asarray(groups)[order]
    bins = []
    for start, stop in zip(starts, [*starts[1:], order.size], strict=True):
        members = None if patients is None else patients[start:stop]
        interval = clustered_wilson(outcome[start:stop], members)
        bins.append(
            ReliabilityBin(
                confidence=float(probability[start:stop].mean()),
                observed=interval.value,
                low=interval.low,
                high=interval.high,
                num_cases=int(stop - start),
            )
        )
    return tuple(bins)


def _cross_entropy(logits: FloatArray, truth: IntArray) -> float:
    own = logits[np.arange(truth.size), truth]
    return float((special.logsumexp(logits, axis=1) - own).mean())


def _check_logits(logits: ArrayLike, labels: ArrayLike) -> tuple[FloatArray, IntArray]:
    values = np.asarray(logits, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] != np.size(labels):
        raise EvaluationError(f"logits: found shape {values.shape}; expected ({np.size(labels)}, classes)")
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if bad.size:
        raise EvaluationError(f"logits: row {bad[0]} has NaN or infinity; the network diverged, train it again")
    return values, check_labels(labels, values.shape[1])
