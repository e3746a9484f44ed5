"""How many patients a planned validation needs for intervals of a wanted width.

Precision-based, as Riley 2021 (Statistics in Medicine 40:4230) advises for validation studies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.checks import check_scores, check_truths, cluster_index
from covidcxr.metrics.delong import placement_covariance, placements
from covidcxr.metrics.intervals import design_effect, normal_quantile, wilson

MIN_PATIENTS_A_SIDE = 10  # with fewer, no interval of an AUROC is to be relied on, however narrow it comes out
Planned = Literal["sensitivity", "specificity", "auroc"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedSize:
    """What one figure of a planned validation needs.

    Attributes:
        figure: Which.
        expected: Its expected value.
        cases: Independent ones in all.
        images: In all, worth as many.
        patients: In all, who have that many images; ``with_disease`` of them, on average, have the disease.
    """

    figure: Planned
    expected: float
    cases: int
    images: int
    patients: int
    with_disease: int


def planned_sizes(
    expected: Mapping[Planned, float],
    *,
    prevalence: float,
    width: float,
    level: float = 0.95,
    images_per_patient: float = 1.0,
    effect: float = 1.0,
) -> tuple[PlannedSize, ...]:
    """Return what each of the ``expected`` figures needs for an interval at most ``width`` wide.

    Args:
        expected: Figure to its expected value; an AUROC of exactly 0 or 1 is left out.
        prevalence: Share of the patients who have the disease.
        width: Of the interval, from end to end.
        level: Of the interval.
        images_per_patient: On average.
        effect: How many images are worth one independent one (`design_effect_of`).

    Raises:
        EvaluationError: If a share or the width is not possible.
    """
    counts = {"sensitivity": cases_for_sensitivity, "specificity": cases_for_specificity, "auroc": cases_for_auroc}
    sizes = []
    for figure, value in expected.items():
        if figure == "auroc" and value in (0.0, 1.0):
            continue
        cases = counts[figure](value, prevalence=prevalence, width=width, level=level)
        images = math.ceil(cases * effect - 1e-9)
        patients = math.ceil(images / images_per_patient - 1e-9)
        with_disease = round(patients * prevalence)
        sizes.append(
            PlannedSize(
                figure=figure, expected=value, cases=cases, images=images, patients=patients, with_disease=with_disease
            )
        )
    return tuple(sizes)


def clustering_of(
    figure: Planned, positive: ArrayLike, called: ArrayLike, scores: ArrayLike, groups: ArrayLike | None
) -> tuple[float, float]:
    """Return the images per patient and the design effect that one figure has on a cohort.

    A sensitivity rests on the images of the patients with the disease, a specificity on the others: how alike those
    are to the network, and how many a patient has, can be far from the mean of the cohort.

    Args:
        figure: Which.
        positive: (N,) whether the case has the disease.
        called: (N,) whether the network calls it so.
        scores: (N,) its scores.
        groups: (N,) patients.

    Raises:
        EvaluationError: If the arrays do not fit or a side has no case.
    """
    is_positive, values = check_scores(positive, scores)
    is_called = check_truths(called, what="calls")
    index, _ = cluster_index(groups, is_positive.size)
    if figure == "auroc":
        component = [placements(is_positive, values)]
        clustered = float(placement_covariance(is_positive, component, groups)[0, 0])
        independent = float(placement_covariance(is_positive, component)[0, 0])
        images_per_patient = is_positive.size / np.unique(index).size
        known = independent > 0 and np.isfinite(clustered)
        return images_per_patient, max(1.0, clustered / independent) if known else images_per_patient
    side = is_positive if figure == "sensitivity" else ~is_positive
    right = is_called == is_positive
    return int(side.sum()) / np.unique(index[side]).size, design_effect(right[side], index[side])


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

    The interval is that of the logit, as `covidcxr.metrics.intervals.delong` gives it: on the plain scale an AUROC near
    1 would seem to need three cases with the disease. Each side has `MIN_PATIENTS_A_SIDE` at least.

    Raises:
        EvaluationError: If a share or the width is not possible.
    """
    _check_share("expected AUROC", auroc)
    _check_share("prevalence", prevalence)
    _check_share("interval width", width)
    low, high = 1, 1
    while auroc_interval_width(auroc, high, prevalence=prevalence, level=level) > width:
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        too_wide = auroc_interval_width(auroc, middle, prevalence=prevalence, level=level) > width
        low, high = (middle + 1, high) if too_wide else (low, middle)
    return high


def auroc_interval_width(auroc: float, cases: int, *, prevalence: float, level: float = 0.95) -> float:
    """Return the width of the logit interval of an AUROC on that many cases; 1 with too few cases on a side."""
    positives, negatives = cases * prevalence, cases * (1 - prevalence)
    if min(positives, negatives) < MIN_PATIENTS_A_SIDE - 1e-9:
        return 1.0
    error = auroc_standard_error(auroc, num_positive=positives, num_negative=negatives)
    margin = normal_quantile(level) * error / (auroc * (1 - auroc))
    centre = special.logit(auroc)
    return float(special.expit(centre + margin) - special.expit(centre - margin))


def design_effect_of(*, images_per_patient: float, correlation: float) -> float:
    """Return how many images are worth one independent one: 1 + (images a patient - 1) x correlation (Kish 1965).

    Raises:
        EvaluationError: If there is less than one image a patient, or the correlation is not in [0, 1].
    """
    if not images_per_patient >= 1:
        raise EvaluationError(f"images a patient: found {images_per_patient}; expected at least 1")
    _check_share("correlation within a patient", correlation, inclusive=True)
    return 1 + (images_per_patient - 1) * correlation


def _wilson_width(share: float, trials: int, level: float) -> float:
    interval = wilson(share * trials, trials, level=level)
    return interval.high - interval.low


def _check_share(name: str, value: float, *, inclusive: bool = False) -> None:
    inside = 0.0 <= value <= 1.0 if inclusive else 0.0 < value < 1.0
    if not inside:
        raise EvaluationError(f"{name}: found {value}; expected a share between 0 and 1")
