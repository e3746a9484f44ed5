"""Intervals of proportions with a closed form: Wilson's, also for clustered cases, and what is built from them.

Those of AUROCs are in `delong`, those of other smooth figures in `linearised`, resampling in `bootstrap`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from covidcxr.core.errors import EvaluationError
from covidcxr.core.types import Metric
from covidcxr.metrics.checks import check_truths, cluster_index

MIN_PATIENTS = 5
"""Patients below which a figure gets no interval: of fewer, the limits would span nearly everything possible."""
MIN_EFFECTIVE_PATIENTS = 2.0  # with fewer, one patient decides, and Student's quantile exceeds 12
NO_CASE_DIFFERS = "no case differs from the others, which tells nothing of how sure it is: no interval"


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A value with its limits; NaN where not estimable, with the reason where it is known."""

    value: float
    low: float
    high: float
    reason: str = ""

    @classmethod
    def none(cls, value: float, reason: str) -> Interval:
        """Return ``value`` without limits."""
        return cls(value=value, low=float("nan"), high=float("nan"), reason=reason)

    def metric(self, name: str, num_cases: int, *, absent: str = "not estimable") -> Metric:
        """Return it as a report carries it; ``absent`` is the reason where there is no value either."""
        if not np.isfinite(self.value):
            return Metric(name=name, value=None, num_cases=num_cases, reason=absent)
        if not (np.isfinite(self.low) and np.isfinite(self.high)):
            reason = self.reason or "too few patients for an interval"
            return Metric(name=name, value=self.value, num_cases=num_cases, reason=reason)
        return Metric(name=name, value=self.value, low=self.low, high=self.high, num_cases=num_cases)


NOT_ESTIMABLE = Interval.none(float("nan"), "")


def normal_quantile(level: float) -> float:
    """Return the two-sided standard normal quantile of ``level`` (1.96 for 0.95).

    Raises:
        EvaluationError: If ``level`` is not between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise EvaluationError(f"level: found {level}; expected a share between 0 and 1, for example 0.95")
    return float(stats.norm.ppf(0.5 + level / 2))


def student_quantile(level: float, degrees: float) -> float:
    """Return Student's two-sided quantile of ``level`` with that many degrees of freedom.

    Raises:
        EvaluationError: If ``level`` is not between 0 and 1.
    """
    normal_quantile(level)
    return float(stats.t.ppf(0.5 + level / 2, degrees))


def effective_patients(groups: ArrayLike | None, num_cases: int) -> float:
    """Return how many patients of equal size the (N,) cases are worth: (sum n)^2 / sum n^2 (Kish 1965).

    That is their number where each has as many images, and near 1 where one patient has most of them. One less are the
    degrees of freedom of Student's quantile.
    """
    index, num_clusters = cluster_index(groups, num_cases)
    sizes = np.bincount(index, minlength=num_clusters).astype(np.float64)
    return float(sizes.sum() ** 2 / (sizes**2).sum()) if num_cases else 0.0


def satterthwaite_degrees(variances: Sequence[float], patients: Sequence[float]) -> float:
    """Return the degrees of freedom of a variance that is the sum of independent parts (Satterthwaite 1946).

    Args:
        variances: Of each part.
        patients: The `effective_patients` that each part rests on.
    """
    parts = [(variance, max(number - 1, 1.0)) for variance, number in zip(variances, patients, strict=True)]
    squares = sum(variance**2 / degrees for variance, degrees in parts)
    return sum(variance for variance, _ in parts) ** 2 / squares if squares > 0 else 1.0


def too_few(groups: ArrayLike | None, num_cases: int) -> str:
    """Return why the (N,) cases are of too few patients for an interval; empty if they are not."""
    number = cluster_index(groups, num_cases)[1]
    if number < MIN_PATIENTS:
        return f"{number} patient{'' if number == 1 else 's'}: no interval with fewer than {MIN_PATIENTS}"
    worth = effective_patients(groups, num_cases)
    if worth < MIN_EFFECTIVE_PATIENTS:
        return f"one of {number} patients has most of the images (worth {worth:.1f} equal ones): no interval"
    return ""


def wilson(successes: float, trials: float, *, level: float = 0.95, quantile: float | None = None) -> Interval:
    """Return Wilson's score interval for ``successes`` out of ``trials`` (Wilson 1927).

    Both may be fractional: an effective sample size divides both by the same design effect. ``quantile`` replaces the
    normal one of ``level``.

    Raises:
        EvaluationError: If there are more successes than trials, or fewer than none.
    """
    if not 0.0 <= successes <= trials:
        raise EvaluationError(
            f"{successes} successes of {trials} trials: expected a number from 0 to the number of trials"
        )
    if trials == 0:
        return NOT_ESTIMABLE
    z = normal_quantile(level) if quantile is None else quantile
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    margin = z / (1 + z * z / trials) * (share * (1 - share) / trials + z * z / (4 * trials * trials)) ** 0.5
    low = 0.0 if successes == 0 else max(0.0, centre - margin)
    high = 1.0 if successes == trials else min(1.0, centre + margin)
    return Interval(value=share, low=low, high=high)


def clustered_wilson(success: ArrayLike, groups: ArrayLike | None, *, level: float = 0.95) -> Interval:
    """Return Wilson's interval on the effective number of cases, for (N,) outcomes of clustered cases.

    The effective number is N over `design_effect`, the quantile Student's with one degree of freedom less than the
    `effective_patients`: a design effect that few patients show is itself uncertain. Without limits, and with the
    reason, for the cases of fewer than `MIN_PATIENTS` patients.

    Raises:
        EvaluationError: If an outcome is neither true nor false, or ``groups`` does not fit.
    """
    outcome = check_truths(success, what="outcomes").astype(np.float64)
    if outcome.size == 0:
        return NOT_ESTIMABLE
    share = float(outcome.mean())
    if reason := too_few(groups, outcome.size):
        return Interval.none(share, reason)
    trials = outcome.size / design_effect(outcome, groups)
    quantile = student_quantile(level, effective_patients(groups, outcome.size) - 1)
    return wilson(share * trials, trials, level=level, quantile=quantile)


def newcombe(first: Interval, second: Interval) -> Interval:
    """Return the difference of two independent figures, ``first`` less ``second``, from their intervals.

    Newcombe's hybrid score interval (Statistics in Medicine 17, 1998, method 10). NaN where either has no limits.
    """
    gap = first.value - second.value
    below = ((first.value - first.low) ** 2 + (second.high - second.value) ** 2) ** 0.5
    above = ((first.high - first.value) ** 2 + (second.value - second.low) ** 2) ** 0.5
    return Interval(value=gap, low=gap - below, high=gap + above, reason=first.reason or second.reason)


def ratio(part: Interval, whole: Interval, *, correlation: float = 0.0) -> Interval:
    """Return ``part`` / ``whole`` with limits recovered from theirs (MOVER-R: Donner & Zou 2012, equation 9).

    Args:
        part: Of either sign.
        whole: Above 0, its lower limit too; without limits the ratio has none.
        correlation: Of the two estimates.
    """
    value = part.value / whole.value if whole.value > 0 else float("nan")
    if not whole.low > 0 or not np.isfinite([part.low, part.high, whole.high]).all():
        return Interval.none(value, part.reason or whole.reason)
    limits = []
    for sign, limit, opposite in ((-1.0, part.low, whole.high), (1.0, part.high, whole.low)):
        # Fieller's quadratic through the margins on the side that moves the ratio towards the limit.
        margin_part, margin_whole = abs(part.value - limit), abs(whole.value - opposite)
        product = part.value * whole.value - correlation * margin_part * margin_whole
        spread = product**2 - (part.value**2 - margin_part**2) * (whole.value**2 - margin_whole**2)
        denominator = whole.value**2 - margin_whole**2
        if denominator <= 0:
            return Interval.none(value, "the network's own skill is too uncertain here for a share of it")
        limits.append((product + sign * max(spread, 0.0) ** 0.5) / denominator)
    return Interval(value=value, low=float(min(limits)), high=float(max(limits)))


def design_effect(success: ArrayLike, groups: ArrayLike | None) -> float:
    """Return how many of the (N,) clustered outcomes are worth one independent one, at least 1.

    It is the ratio of the cluster-robust to the binomial variance (Rao & Scott 1992). Where every outcome is the same
    the data cannot tell it, and each patient's images count as copies: N over `effective_patients`.
    """
    outcome = np.asarray(success, dtype=np.float64)
    index, num_clusters = cluster_index(groups, outcome.size)
    share = float(outcome.mean())
    if share not in (0.0, 1.0) and num_clusters > 1:
        residuals = np.bincount(index, weights=outcome - share, minlength=num_clusters)
        robust = num_clusters / (num_clusters - 1) * float((residuals**2).sum()) / outcome.size**2
        if robust > 0:
            return max(1.0, robust * outcome.size / (share * (1 - share)))
    return outcome.size / effective_patients(groups, outcome.size)
