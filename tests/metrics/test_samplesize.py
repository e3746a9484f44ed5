"""Sample sizes: the answer is enough, and one case less is not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics import samplesize
from covidcxr.metrics.discrimination import auroc
from covidcxr.metrics.intervals import wilson


@given(st.floats(0.5, 0.99), st.floats(0.03, 0.3))
def test_the_cases_for_a_proportion_are_enough_and_no_more_than_needed(expected: float, width: float) -> None:
    cases = samplesize.cases_for_proportion(expected, width=width)
    enough, fewer = wilson(expected * cases, cases), wilson(expected * (cases - 1), max(cases - 1, 1))
    assert enough.high - enough.low <= width
    assert cases == 1 or fewer.high - fewer.low > width


def test_a_rare_disease_needs_many_cases_for_its_sensitivity() -> None:
    alone = samplesize.cases_for_proportion(0.9, width=0.1)
    assert samplesize.cases_for_sensitivity(0.9, prevalence=0.05, width=0.1) == pytest.approx(alone * 20, abs=1)
    assert samplesize.cases_for_specificity(0.9, prevalence=0.05, width=0.1) == pytest.approx(alone / 0.95, abs=1)


def test_the_standard_error_of_an_auroc_is_exact_for_exponential_scores() -> None:
    # Hanley & McNeil's formula is that of two exponential distributions; here the AUROC is 4 / (4 + 1).
    generator = np.random.default_rng(0)
    positive = np.arange(70) < 20
    aurocs = [auroc(positive, generator.exponential(np.where(positive, 4.0, 1.0))) for _ in range(3000)]
    assert np.mean(aurocs) == pytest.approx(0.8, abs=0.005)
    assert np.std(aurocs) == pytest.approx(
        samplesize.auroc_standard_error(0.8, num_positive=20, num_negative=50), rel=0.05
    )


def test_the_cases_for_an_auroc_are_enough_and_one_less_is_not() -> None:
    cases = samplesize.cases_for_auroc(0.85, prevalence=0.2, width=0.1)

    def width(count: int) -> float:
        error = samplesize.auroc_standard_error(0.85, num_positive=count * 0.2, num_negative=count * 0.8)
        margin = 1.959964 * error / (0.85 * 0.15)
        return float(special.expit(special.logit(0.85) + margin) - special.expit(special.logit(0.85) - margin))

    assert width(cases) <= 0.1 < width(cases - 1)


def test_an_auroc_near_1_does_not_seem_to_need_three_cases() -> None:
    cases = samplesize.cases_for_auroc(0.996, prevalence=0.138, width=0.1)
    assert 30 <= cases * 0.138 <= 80  # 0.1 of width on 3 cases with the disease was a fault of the plain scale
    wide = samplesize.cases_for_auroc(0.7, prevalence=0.5, width=0.9)
    assert wide == 2 * samplesize.MIN_PATIENTS_A_SIDE


def test_two_alike_images_a_patient_are_worth_less_than_two_cases() -> None:
    assert samplesize.design_effect_of(images_per_patient=2, correlation=0.5) == 1.5
    assert samplesize.design_effect_of(images_per_patient=2, correlation=1.0) == 2.0
    assert samplesize.design_effect_of(images_per_patient=1, correlation=1.0) == 1.0


def test_a_plan_counts_images_and_their_patients() -> None:
    found, auroc = samplesize.planned_sizes(
        {"sensitivity": 0.9, "auroc": 0.95}, prevalence=0.1, width=0.1, images_per_patient=2, effect=1.5
    )
    assert found.cases == samplesize.cases_for_sensitivity(0.9, prevalence=0.1, width=0.1)
    assert found.images == math.ceil(1.5 * found.cases)
    assert found.patients == math.ceil(found.images / 2)
    assert found.with_disease == round(0.1 * found.patients)
    assert auroc.figure == "auroc"
    assert samplesize.planned_sizes({"auroc": 1.0}, prevalence=0.1, width=0.1) == ()


def test_impossible_wishes_are_refused() -> None:
    with pytest.raises(EvaluationError, match="interval width: found 0"):
        samplesize.cases_for_proportion(0.9, width=0)
    with pytest.raises(EvaluationError, match=r"prevalence: found 1\.2"):
        samplesize.cases_for_auroc(0.9, prevalence=1.2, width=0.1)
    with pytest.raises(EvaluationError, match="at least 1"):
        samplesize.design_effect_of(images_per_patient=0.5, correlation=0.1)


def test_the_clustering_of_a_sensitivity_is_that_of_its_class() -> None:
    # 40 sick patients with 5 copies each, 400 others with one image: the cohort's mean is 1.36 images per patient.
    generator = np.random.default_rng(0)
    groups = np.concatenate([np.repeat(np.arange(40), 5), np.arange(40, 440)])
    sick = np.arange(600) < 200
    called = np.concatenate([np.repeat(generator.random(40) < 0.8, 5), generator.random(400) < 0.1])
    scores = called + 0.01 * generator.random(440)[groups]
    images, effect = samplesize.clustering_of("sensitivity", sick, called, scores, groups)
    assert (images, effect) == (5.0, pytest.approx(5.0, abs=0.2))
    assert samplesize.clustering_of("specificity", sick, called, scores, groups) == (1.0, pytest.approx(1.0, abs=0.01))
    images, effect = samplesize.clustering_of("auroc", sick, called, scores, groups)
    assert images == pytest.approx(600 / 440)
    assert 3 < effect < 5
