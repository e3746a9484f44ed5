"""The patient-clustered bootstrap: whole patients are drawn with replacement, never single images.

A statistic is a function of case weights: how often each case's patient was drawn. It gets a block of rounds at once,
sized to stay in the processor's cache, so a round costs a few passes over the cases and no copy of them. Which
statistics there are is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.checks import FloatArray, IntArray, cluster_index
from covidcxr.metrics.intervals import Interval, too_few
from covidcxr.metrics.linearised import Statistic
from covidcxr.metrics.settings import Resampling

SAME_IN_EVERY_ROUND = "the same in every resampled cohort, which tells nothing of how sure it is: no interval"

_BLOCK_ELEMENTS = 1 << 19  # 4 MiB of float64 weights a block
_JACKKNIFE_GROUPS = 200
_SAME = 1e-12  # rounds that differ by less differ by rounding
_MIN_DEFINED = 0.9  # below this share of rounds with a value, an interval would describe only the lucky ones


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BootstrapResult:
    """K statistics on the cohort, and on every resampled one.

    Attributes:
        point: (K,) on the cohort itself.
        rounds: (B, K) on the resampled cohorts.
        jackknife: (J, K) with each patient (or, of many, each group of patients) left out; (0, K) if not asked for.
        num_clusters: Patients in the cohort.
        too_few: Why they are too few for an interval; empty if they are not.
    """

    point: FloatArray
    rounds: FloatArray
    jackknife: FloatArray
    num_clusters: int
    too_few: str

    def is_constant(self, column: int) -> bool:
        """Whether every round that has a value has the same: an interval of them would claim certainty."""
        drawn = self.rounds[:, column]
        drawn = drawn[np.isfinite(drawn)]
        return drawn.size > 0 and float(np.ptp(drawn)) <= _SAME

    def interval(self, column: int, *, method: Resampling = "percentile", level: float = 0.95) -> Interval:
        """Return the interval of one statistic.

        There are no limits, and the reason, where there is no value, where the cohort has too few patients
        (`covidcxr.metrics.intervals.too_few`), where every round repeats the value, or where fewer than 90 % have one.
        """
        value = float(self.point[column])
        drawn = self.rounds[:, column]
        drawn = drawn[np.isfinite(drawn)]
        if not np.isfinite(value) or self.too_few:
            return Interval.none(value, self.too_few)
        if drawn.size < _MIN_DEFINED * self.rounds.shape[0]:
            return Interval.none(value, "too few patients: no value in over 10 % of the rounds")
        if self.is_constant(column):
            return Interval.none(value, SAME_IN_EVERY_ROUND)
        tails = np.array([0.5 - level / 2, 0.5 + level / 2])
        if method == "bca":
            tails = self._bca_tails(column, drawn, tails)
        low, high = np.quantile(drawn, tails)
        return Interval(value=value, low=float(low), high=float(high))

    def _bca_tails(self, column: int, drawn: FloatArray, tails: FloatArray) -> FloatArray:
        """Shift the tails for bias and acceleration (Efron 1987)."""
        below = float(np.mean(drawn < self.point[column]) + 0.5 * np.mean(drawn == self.point[column]))
        bias = float(stats.norm.ppf(np.clip(below, 1 / drawn.size, 1 - 1 / drawn.size)))
        left_out = self.jackknife[:, column]
        left_out = left_out[np.isfinite(left_out)]
        distance = left_out.mean() - left_out if left_out.size else np.zeros(1)
        spread = float((distance**2).sum())
        # Leaving out groups of m patients divides the skewness by the root of m; having m times fewer terms makes up.
        acceleration = float((distance**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
        quantiles = bias + stats.norm.ppf(tails)
        return np.asarray(stats.norm.cdf(bias + quantiles / (1 - acceleration * quantiles)))


def bootstrap(
    statistic: Statistic,
    *,
    num_cases: int,
    groups: ArrayLike | None,
    rounds: int = 2000,
    seed: int = 0,
    jackknife: bool = False,
) -> BootstrapResult:
    """Evaluate ``statistic`` on the cohort and on ``rounds`` cohorts of as many patients drawn with replacement.

    Args:
        statistic: See `Statistic`.
        num_cases: N.
        groups: (N,) patient of each case; None if every case is a patient of its own.
        rounds: B.
        seed: The same seed gives the same rounds, whatever the statistic.
        jackknife: Also leave patients out in turn, which BCa intervals need.

    Raises:
        EvaluationError: If there are no rounds, or ``groups`` does not fit.
    """
    if rounds < 1:
        raise EvaluationError(f"bootstrap rounds: found {rounds}; expected at least 1, usually 2000")
    index, num_clusters = cluster_index(groups, num_cases)
    block = max(1, _BLOCK_ELEMENTS // max(num_cases, num_clusters))
    point = statistic(np.ones((1, num_cases)))[0]
    drawn = [statistic(weights) for weights in _draw(index, num_clusters, rounds, block, np.random.default_rng(seed))]
    left_out = [statistic(weights) for weights in _leave_out(index, num_clusters, block)] if jackknife else []
    return BootstrapResult(
        point=point,
        rounds=np.concatenate(drawn),
        jackknife=np.concatenate(left_out) if left_out else np.empty((0, point.size)),
        num_clusters=num_clusters,
        too_few=too_few(groups, num_cases),
    )


def _draw(
    index: IntArray, num_clusters: int, rounds: int, block: int, generator: np.random.Generator
) -> Iterator[FloatArray]:
    one_each = num_clusters == index.size
    for start in range(0, rounds, block):
        size = min(block, rounds - start)
        chosen = generator.integers(0, num_clusters, (size, num_clusters))
        chosen += np.arange(size)[:, np.newaxis] * num_clusters
        counts = np.bincount(chosen.ravel(), minlength=size * num_clusters).reshape(size, num_clusters)
        weights: FloatArray = counts.astype(np.float64)
        yield weights if one_each else np.take(weights, index, axis=1)


def _leave_out(index: IntArray, num_clusters: int, block: int) -> Iterator[FloatArray]:
    """Yield weights with one group of patients at a time left out; each group is one patient if there are few."""
    num_groups = min(num_clusters, _JACKKNIFE_GROUPS)
    group_of_case = index % num_groups
    for start in range(0, num_groups, block):
        groups = np.arange(start, min(start + block, num_groups))
        yield (group_of_case[np.newaxis, :] != groups[:, np.newaxis]).astype(np.float64)
