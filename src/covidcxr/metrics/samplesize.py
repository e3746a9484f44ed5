"""How many patients a planned validation needs for intervals of a wanted width.

Precision-based, as Riley 2021 (Statistics in Medicine 40:4230) advises for validation studies.
"""

from __future__ import annotations

import math

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.intervals import normal_quantile, wilson


def cases_for_proportion(expected: float, *, width: float, level: float = 0.95) -> int:
    """Return the fewest cases for which Wilson's interval of an ``expected`` share is at most ``width`` wide.

    Raises:
        EvaluationError: If a share or the width is not possible.
    """
    _check_share("expected value", expected, inclusive=True)
    _check_share("interval width", width)
    low, high = 1, 1
    while _wilson_width(expected, high, level) > width:
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        if _wilson_width(expected, middle, level) > width:
            low = middle + 1
        else:
            high = middle
    return high


def cases_for_sensitivity(sensitivity: float, *, prevalence: float, width: float, level: float = 0.95) -> int:
    """Return all the cases needed so that those with the disease are enough for the sensitivity (Buderer 1996)."""
    _check_share("prevalence", prevalence)
    return math.ceil(cases_for_proportion(sensitivity, width=width, level=level) / prevalence - 1e-9)


def cases_for_specificity(specificity: float, *, prevalence: float, width: float, level: float = 0.95) -> int:
    """Return all the cases needed so that those without the disease are enough for the specificity (Buderer 1996)."""
    _check_share("prevalence", prevalence)
    return math.ceil(cases_for_proportion(specificity, width=width, level=level) / (1 - prevalence) - 1e-9)


def auroc_standard_error(auroc: float, *, num_positive: float, num_negative: float) -> float:
    """Return the standard error of an AUROC (Hanley & McNeil 1982)."""
    wins = auroc / (2 - auroc)
    both = 2 * auroc * auroc / (1 + auroc)
    variance = auroc * (1 - auroc) + (num_positive - 1) * (wins - auroc**2) + (num_negative - 1) * (both - auroc**2)
    return math.sqrt(variance / (num_positive * num_negative))


def cases_for_auroc(auroc: float, *, prevalence: float, width: float, level: float = 0.95) -> int:
    """Return all the cases needed for an interval of an expected AUROC at most ``width`` wide.

    Raises:
        EvaluationError: If a share or the width is not possible.
    """
    _check_share("expected AUROC", auroc)
    _check_share("prevalence", prevalence)
    _check_share("interval width", width)
    z = normal_quantile(level)
    low, high = 1, 1

    def too_wide(cases: int) -> bool:
        positives, negatives = cases * prevalence, cases * (1 - prevalence)
        if min(positives, negatives) < 1:
            return True
        return 2 * z * auroc_standard_error(auroc, num_positive=positives, num_negative=negatives) > width

    while too_wide(high):
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if too_wide(middle) else (low, middle)
    return high


def with_repeats(cases: int, *, images_per_patient: float, correlation: float) -> int:
    """Return how many images are worth ``cases`` independent ones, if patients have several alike (Kish 1965).

    The design effect is 1 + (images_per_patient - 1) x correlation.

    Raises:
        EvaluationError: If there is less than one image a patient, or the correlation is not in [0, 1].
    """
    if images_per_patient < 1:
        raise EvaluationError(f"images a patient: found {images_per_patient}; expected at least 1")
    _check_share("correlation within a patient", correlation, inclusive=True)
    return math.ceil(cases * (1 + (images_per_patient - 1) * correlation) - 1e-9)


def _wilson_width(share: float, trials: int, level: float) -> float:
    interval = wilson(share * trials, trials, level=level)
    return interval.high - interval.low


def _check_share(name: str, value: float, *, inclusive: bool = False) -> None:
    inside = 0.0 <= value <= 1.0 if inclusive else 0.0 < value < 1.0
    if not inside:
        raise EvaluationError(f"{name}: found {value}; expected a share between 0 and 1")
