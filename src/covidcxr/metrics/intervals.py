"""Intervals with a closed form: Wilson's for proportions, DeLong's for the AUROC, both also for clustered cases.

Resampling is in `bootstrap`; the comparison of two models in `comparison`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.checks import FloatArray, check_scores, cluster_index


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A value with its limits; all NaN where not estimable."""

    value: float
    low: float
    high: float


_NO_VARIANCE = 1e-24  # of an AUROC: rounding
NOT_ESTIMABLE = Interval(value=float("nan"), low=float("nan"), high=float("nan"))


def normal_quantile(level: float) -> float:
    """Return the two-sided standard normal quantile of ``level`` (1.96 for 0.95).

    Raises:
        EvaluationError: If ``level`` is not between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise EvaluationError(f"level: found {level}; expected a share between 0 and 1, for example 0.95")
    return float(stats.norm.ppf(0.5 + level / 2))


def student_quantile(level: float, degrees: int) -> float:
    """Return Student's two-sided quantile of ``level`` with that many degrees of freedom.

    Raises:
        EvaluationError: If ``level`` is not between 0 and 1.
    """
    normal_quantile(level)
    return float(stats.t.ppf(0.5 + level / 2, degrees))


def wilson(successes: float, trials: float, *, level: float = 0.95) -> Interval:
    """Return Wilson's score interval for ``successes`` out of ``trials`` (Wilson 1927).

    Both may be fractional: an effective sample size divides both by the same design effect.

    Raises:
        EvaluationError: If there are more successes than trials, or fewer than none.
    """
    if not 0.0 <= successes <= trials:
        raise EvaluationError(
            f"{successes} successes of {trials} trials: expected a number from 0 to the number of trials"
        )
    if trials == 0:
        return NOT_ESTIMABLE
    z = normal_quantile(level)
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    margin = z / (1 + z * z / trials) * (share * (1 - share) / trials + z * z / (4 * trials * trials)) ** 0.5
    low = 0.0 if successes == 0 else max(0.0, centre - margin)
    high = 1.0 if successes == trials else min(1.0, centre + margin)
    return Interval(value=share, low=low, high=high)


def clustered_wilson(success: ArrayLike, groups: ArrayLike | None, *, level: float = 0.95) -> Interval:
    """Return Wilson's interval on the effective number of cases, for (N,) outcomes of clustered cases.

    The design effect is the ratio of the cluster-robust to the binomial variance (Rao & Scott 1992), at least 1.
    Where every outcome is the same the data cannot tell it, and each cluster counts as one case.
    """
    outcome = np.asarray(success, dtype=np.float64)
    if outcome.size == 0:
        return NOT_ESTIMABLE
    share = float(outcome.mean())
    trials = outcome.size / design_effect(outcome, groups)
    return wilson(share * trials, trials, level=level)


def newcombe(first: Interval, second: Interval) -> Interval:
    """Return the difference of two independent proportions, ``first`` less ``second``, from their Wilson intervals.

    Newcombe's hybrid score interval (Statistics in Medicine 17, 1998, method 10). NaN where either has no limits.
    """
    gap = first.value - second.value
    below = ((first.value - first.low) ** 2 + (second.high - second.value) ** 2) ** 0.5
    above = ((first.high - first.value) ** 2 + (second.value - second.low) ** 2) ** 0.5
    return Interval(value=gap, low=gap - below, high=gap + above)


def design_effect(success: ArrayLike, groups: ArrayLike | None) -> float:
    """Return how many of the (N,) clustered outcomes are worth one independent one, as `clustered_wilson` takes it."""
    outcome = np.asarray(success, dtype=np.float64)
    index, num_clusters = cluster_index(groups, outcome.size)
    share = float(outcome.mean())
    if share not in (0.0, 1.0) and num_clusters > 1:
        residuals = np.bincount(index, weights=outcome - share, minlength=num_clusters)
        robust = num_clusters / (num_clusters - 1) * float((residuals**2).sum()) / outcome.size**2
        if robust > 0:
            return max(1.0, robust * outcome.size / (share * (1 - share)))
    return outcome.size / num_clusters


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Placements:
    """DeLong's structural components: for each case, the share of the other side it is ranked rightly against.

    Attributes:
        auroc: The mean of either.
        of_positives: float64 (P,); V10 in DeLong 1988.
        of_negatives: float64 (Q,); V01 in DeLong 1988.
    """

    auroc: float
    of_positives: FloatArray
    of_negatives: FloatArray


def placements(positive: ArrayLike, scores: ArrayLike) -> Placements:
    """Return the structural components of (N,) truths and scores, by midranks (Sun & Xu 2014).

    Raises:
        EvaluationError: If either side has no case.
    """
    is_positive, values = check_scores(positive, scores)
    num_positive = int(is_positive.sum())
    num_negative = is_positive.size - num_positive
    if not num_positive or not num_negative:
        raise EvaluationError(f"{num_positive} positive and {num_negative} negative cases: DeLong needs both")
    ranks = stats.rankdata(values)
    of_positives = (ranks[is_positive] - stats.rankdata(values[is_positive])) / num_negative
    of_negatives = 1.0 - (ranks[~is_positive] - stats.rankdata(values[~is_positive])) / num_positive
    return Placements(auroc=float(of_positives.mean()), of_positives=of_positives, of_negatives=of_negatives)


def placement_covariance(
    positive: ArrayLike, components: list[Placements], groups: ArrayLike | None = None
) -> FloatArray:
    """Return the covariance (M, M) of the AUROCs of M scores of the same cases.

    Without ``groups`` it is DeLong's (1988); with them, Obuchowski's (1997) for clustered cases. NaN where a side has
    fewer than two clusters.
    """
    is_positive = np.asarray(positive, dtype=np.bool_)
    index, num_clusters = cluster_index(groups, is_positive.size)
    num_positive, num_negative = int(is_positive.sum()), int((~is_positive).sum())
    aurocs = np.array([component.auroc for component in components])
    of_positives = _cluster_sums(
        index[is_positive], num_clusters, [component.of_positives for component in components], aurocs
    )
    of_negatives = _cluster_sums(
        index[~is_positive], num_clusters, [component.of_negatives for component in components], aurocs
    )
    positive_clusters = np.unique(index[is_positive]).size
    negative_clusters = np.unique(index[~is_positive]).size
    if positive_clusters < 2 or negative_clusters < 2:
        return np.full((aurocs.size, aurocs.size), np.nan)
    within_positive = positive_clusters / (positive_clusters - 1) * of_positives @ of_positives.T / num_positive**2
    within_negative = negative_clusters / (negative_clusters - 1) * of_negatives @ of_negatives.T / num_negative**2
    across = num_clusters / (num_clusters - 1) * of_positives @ of_negatives.T / (num_positive * num_negative)
    return np.asarray(within_positive + within_negative + across + across.T)


def delong(positive: ArrayLike, scores: ArrayLike, *, groups: ArrayLike | None = None, level: float = 0.95) -> Interval:
    """Return the AUROC of (N,) truths and scores with the interval of its logit (Pepe 2003, 5.2).

    The variance is DeLong's, the quantile Student's with one degree of freedom less than the smaller side has patients:
    on the plain scale, with a normal quantile, the interval of an AUROC near 1 lies too high. Where the ranks show no
    variance, as at an AUROC of 1, the limits are those of `worst_case_auroc`. They are NaN where a side has fewer than
    two patients, and the value too where it has no case.
    """
    is_positive, values = check_scores(positive, scores)
    if is_positive.all() or not is_positive.any():
        return NOT_ESTIMABLE
    component = placements(is_positive, values)
    value = component.auroc
    variance = float(placement_covariance(is_positive, [component], groups)[0, 0])
    if not np.isfinite(variance):
        return Interval(value=value, low=float("nan"), high=float("nan"))
    if variance <= _NO_VARIANCE or value in (0.0, 1.0):
        return worst_case_auroc(value, is_positive, groups, level=level)
    quantile = student_quantile(level, patients_of_smaller_side(is_positive, groups) - 1)
    margin = quantile * variance**0.5 / (value * (1 - value))
    low, high = special.expit(special.logit(value) + np.array([-margin, margin]))
    return Interval(value=value, low=float(low), high=float(high))


def patients_of_smaller_side(positive: ArrayLike, groups: ArrayLike | None) -> int:
    """Return the patients among the positive, or among the negative, of (N,) truths: the fewer of the two.

    One less are the degrees of freedom of Student's quantile in the intervals of AUROCs.
    """
    is_positive = np.asarray(positive, dtype=np.bool_)
    index, _ = cluster_index(groups, is_positive.size)
    return min(np.unique(index[is_positive]).size, np.unique(index[~is_positive]).size)


def worst_case_auroc(value: float, positive: ArrayLike, groups: ArrayLike | None, *, level: float = 0.95) -> Interval:
    """Return an interval of an AUROC for which neither ranks nor resampling show any variance, such as 1.

    An AUROC's variance is at most A (1 - A) over the cases of the smaller side (Birnbaum & Klose 1957), so this is
    Wilson's interval with as many trials as the smaller side of (N,) truths has patients; NaN limits with fewer than 2.
    """
    trials = patients_of_smaller_side(positive, groups)
    if trials < 2:
        return Interval(value=value, low=float("nan"), high=float("nan"))
    return wilson(value * trials, trials, level=level)


def _cluster_sums(
    index: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    num_clusters: int,
    values: list[FloatArray],
    means: FloatArray,
) -> FloatArray:
    return np.stack(
        [
            np.bincount(index, weights=value - mean, minlength=num_clusters)
            for value, mean in zip(values, means, strict=True)
        ]
    )
