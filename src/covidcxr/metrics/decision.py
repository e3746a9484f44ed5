"""Whether acting on a model does more good than acting on everybody or on nobody: the decision curve (Vickers 2006)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.bootstrap import bootstrap
from covidcxr.metrics.checks import FloatArray, check_scores

DEFAULT_THRESHOLDS: FloatArray = np.arange(1, 100) / 100


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DecisionCurve:
    """Net benefit, in true positives a case, at each threshold probability; all float64 (T,).

    Attributes:
        thresholds: At which somebody would act: the odds are the harm of a false alarm against a miss.
        model: Acting where the model's probability is at least the threshold; ``low`` and ``high`` its 95 % band.
        treat_all: Acting on every case. Acting on nobody is 0 throughout.
    """

    thresholds: FloatArray
    model: FloatArray
    low: FloatArray
    high: FloatArray
    treat_all: FloatArray


def decision_curve(
    positive: ArrayLike,
    probability: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    thresholds: FloatArray = DEFAULT_THRESHOLDS,
    prevalence: float | None = None,
    rounds: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> DecisionCurve:
    """Return the decision curve of (N,) truths and calibrated probabilities.

    Args:
        positive: (N,) whether the case has the disease.
        probability: (N,) predicted.
        groups: (N,) patients.
        thresholds: (T,) between 0 and 1.
        prevalence: That of the place where it shall be used; None takes the cohort's.
        rounds: Bootstrap rounds of the band.
        seed: Seed of the bootstrap.
        level: Of the band.

    Raises:
        EvaluationError: If the arrays do not fit or a threshold is not between 0 and 1.
    """
    is_positive, values = check_scores(positive, probability)
    wanted = np.asarray(thresholds, dtype=np.float64)
    if not ((wanted > 0) & (wanted < 1)).all():
        raise EvaluationError("decision curve: found a threshold that is not between 0 and 1; expected for example 0.1")
    odds = wanted / (1.0 - wanted)
    called = values[:, np.newaxis] >= wanted
    hits, alarms = (
        (called & is_positive[:, np.newaxis]).astype(float),
        (called & ~is_positive[:, np.newaxis]).astype(float),
    )
    is_case = is_positive.astype(np.float64)

    def net_benefit(weights: FloatArray) -> FloatArray:
        total = weights.sum(axis=1, keepdims=True)
        cases = (weights @ is_case)[:, np.newaxis]
        if prevalence is None:
            return np.asarray((weights @ hits - odds * (weights @ alarms)) / total)
        with np.errstate(invalid="ignore", divide="ignore"):
            sensitivity, false_alarm = weights @ hits / cases, weights @ alarms / (total - cases)
        return np.asarray(prevalence * sensitivity - (1 - prevalence) * odds * false_alarm)

    result = bootstrap(net_benefit, num_cases=values.size, groups=groups, rounds=rounds, seed=seed)
    bands = [result.interval(column, level=level) for column in range(wanted.size)]
    share = float(is_positive.mean()) if prevalence is None else prevalence
    return DecisionCurve(
        thresholds=wanted,
        model=result.point,
        low=np.array([band.low for band in bands]),
        high=np.array([band.high for band in bands]),
        treat_all=share - (1.0 - share) * odds,
    )
