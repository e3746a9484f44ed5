from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

from cohort_builders import cohort_of_counts, random_cohort
from covidcxr.evaluation.curves import confidence_reliability, pr_band, roc_band


def test_the_roc_curve_is_scikit_learns_and_lies_in_its_band() -> None:
    cohort = random_cohort(num_cases=240)
    band = roc_band(cohort, "Normal", rounds=200)
    assert band is not None
    rates = roc_curve(cohort.labels == 1, cohort.probabilities[:, 1], drop_intermediate=False)
    assert band.y[1:] == pytest.approx(np.interp(band.x[1:], rates[0], rates[1]))
    assert (band.low <= band.y + 1e-9).mean() > 0.97
    assert (band.y <= band.high + 1e-9).mean() > 0.97
    area = float(np.trapezoid(band.y, band.x))
    assert area == pytest.approx(roc_auc_score(cohort.labels == 1, cohort.probabilities[:, 1]), abs=0.02)


def test_precision_at_a_recall_is_that_of_the_first_threshold_that_reaches_it() -> None:
    cohort = random_cohort(num_cases=90)
    band = pr_band(cohort, "COVID-19", rounds=20)
    assert band is not None
    precision, recall, _ = precision_recall_curve(cohort.labels == 0, cohort.probabilities[:, 0])
    for grid in (25, 50, 75, 100):
        reached = recall[:-1] >= band.x[grid] - 1e-9
        assert band.y[grid] == pytest.approx(precision[:-1][reached][-1])


def test_a_class_without_cases_has_no_curve() -> None:
    cohort = cohort_of_counts([[4, 1, 0], [1, 4, 0], [0, 0, 0]])
    assert roc_band(cohort, "Pneumonia", rounds=10) is None
    assert pr_band(cohort, "Pneumonia", rounds=10) is None


def test_reliability_counts_every_case_once() -> None:
    cohort = random_cohort(num_cases=95)
    bins = confidence_reliability(cohort, num_bins=10)
    assert sum(entry.num_cases for entry in bins) == 95
    assert [entry.confidence for entry in bins] == sorted(entry.confidence for entry in bins)
