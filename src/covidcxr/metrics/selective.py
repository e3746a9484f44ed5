"""Saying nothing when unsure: the risk-coverage curve, and the threshold for a wanted risk.

Thresholds are chosen on the validation part and reported on the test part; keeping the two apart is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from covidcxr.metrics.checks import FloatArray, check_scores


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RiskCoverage:
    """Share of cases answered, and share of those answered wrongly, one point for each distinct confidence.

    Attributes:
        coverage: (T,) rising to 1.
        risk: (T,) error among the answered.
        thresholds: (T,) cases with at least this confidence are answered.
        area: Mean risk over all coverages (AURC; Geifman 2017): the mean over cases of the risk at their confidence.
    """

    coverage: FloatArray
    risk: FloatArray
    thresholds: FloatArray
    area: float


def risk_coverage(confidence: ArrayLike, correct: ArrayLike) -> RiskCoverage:
    """Return the risk-coverage curve of (N,) confidences and whether each case was right.

    Raises:
        EvaluationError: If the arrays do not fit.
    """
    is_correct, values = check_scores(correct, confidence)
    falling = np.argsort(-values, kind="stable")
    ordered = values[falling]
    last_of_tie = np.append(np.flatnonzero(np.diff(ordered)), ordered.size - 1)
    answered = last_of_tie + 1.0
    risk = np.cumsum(~is_correct[falling])[last_of_tie] / answered
    cases = np.diff(np.concatenate([[0.0], answered]))
    return RiskCoverage(
        coverage=answered / ordered.size,
        risk=risk,
        thresholds=ordered[last_of_tie],
        area=float((risk * cases).sum() / ordered.size),
    )


def threshold_for_risk(confidence: ArrayLike, correct: ArrayLike, *, risk: float) -> float:
    """Return the lowest confidence to answer at so that at most ``risk`` of the answers are wrong; NaN if none is."""
    curve = risk_coverage(confidence, correct)
    allowed = np.flatnonzero(curve.risk <= risk)
    return float(curve.thresholds[allowed[-1]]) if allowed.size else float("nan")
