"""Metrics of the probabilities themselves, and what is refused as probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics import probabilities as of

SEEDS = st.integers(0, 10_000)


def cohort(seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.concatenate([[0, 1, 2], generator.integers(0, 3, count - 3)])
    return labels, generator.dirichlet([0.6, 0.6, 0.6], count)


@settings(max_examples=25)
@given(SEEDS)
def test_brier_and_cross_entropy_agree_with_scikit_learn_to_1e_12(seed: int) -> None:
    labels, probabilities = cohort(seed)
    expected = sk.brier_score_loss(labels, probabilities, labels=[0, 1, 2], scale_by_half=False)
    assert of.brier(labels, probabilities) == pytest.approx(expected, abs=1e-12)
    kept = np.clip(probabilities, 1e-6, None)
    kept /= kept.sum(axis=1, keepdims=True)
    assert of.cross_entropy(labels, kept) == pytest.approx(sk.log_loss(labels, kept, labels=[0, 1, 2]), abs=1e-12)


@settings(max_examples=25)
@given(SEEDS)
def test_micro_precision_and_recall_are_those_of_all_image_class_pairs(seed: int) -> None:
    labels, probabilities = cohort(seed)
    pairs, called = np.eye(3)[labels].ravel(), (probabilities > 0.5).ravel()
    assert of.micro_recall(labels, probabilities) == pytest.approx(sk.recall_score(pairs, called), abs=1e-12)
    assert of.micro_precision(labels, probabilities) == pytest.approx(sk.precision_score(pairs, called), abs=1e-12)


def test_a_probability_of_exactly_one_half_is_not_called_as_in_keras() -> None:
    assert of.micro_recall([0], [[0.5, 0.5]]) == 0.0
    assert np.isnan(of.micro_precision([0], [[0.5, 0.5]]))


def test_cross_entropy_of_a_sure_mistake_is_clipped_as_keras_clips() -> None:
    assert of.cross_entropy([0], [[0.0, 1.0]]) == pytest.approx(-np.log(1e-7))


def test_the_mean_true_probability_of_single_images_has_students_interval() -> None:
    labels, probabilities = cohort(3)
    values = probabilities[labels == 1, 1]
    metric = of.mean_true_class_probability(labels, probabilities, 1)
    low, high = stats.t.interval(0.95, values.size - 1, values.mean(), values.std(ddof=1) / values.size**0.5)
    assert (metric.value, metric.low, metric.high) == pytest.approx((values.mean(), low, high), abs=1e-12)


def test_copies_of_a_patients_image_do_not_narrow_the_interval() -> None:
    labels, probabilities = cohort(3)
    once = of.mean_true_class_probability(labels, probabilities, 1)
    copied = of.mean_true_class_probability(
        np.repeat(labels, 4), np.repeat(probabilities, 4, axis=0), 1, groups=np.repeat(np.arange(labels.size), 4)
    )
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), abs=1e-12)


def test_a_class_without_cases_has_no_mean_and_one_patient_no_interval() -> None:
    probabilities = [[0.6, 0.4], [0.7, 0.3]]
    absent = of.mean_true_class_probability([0, 0], probabilities, 1)
    assert absent.value is None
    assert absent.reason == "no case of this class"
    single = of.mean_true_class_probability([0, 0], probabilities, 0, groups=["p", "p"])
    assert single.value == pytest.approx(0.65)
    assert single.low is None
    assert "one patient" in single.reason


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([0.5, 0.6], "row 1 sums to 1.1"),
        ([np.nan, 1.0], "row 1 has NaN"),
        ([-0.5, 1.5], "row 1 is .* expected values from 0 to 1"),
    ],
)
def test_what_is_no_probability_is_refused_with_its_row(row: list[float], words: str) -> None:
    with pytest.raises(EvaluationError, match=words):
        of.brier([0, 1], [[0.5, 0.5], row])


def test_missing_rows_are_refused() -> None:
    with pytest.raises(EvaluationError, match=r"found shape \(1, 2\); expected \(2, classes\)"):
        of.brier([0, 1], [[0.5, 0.5]])
