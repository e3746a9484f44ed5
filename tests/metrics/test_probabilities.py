"""Metrics of the probabilities themselves, and what is refused as probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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
    assert of.brier_values(labels, probabilities).mean() == pytest.approx(expected, abs=1e-12)
    kept = np.clip(probabilities, 1e-6, None)
    kept /= kept.sum(axis=1, keepdims=True)
    assert of.cross_entropy_values(labels, kept).mean() == pytest.approx(
        sk.log_loss(labels, kept, labels=[0, 1, 2]), abs=1e-12
    )


@settings(max_examples=25)
@given(SEEDS)
def test_micro_precision_and_recall_are_those_of_all_image_class_pairs(seed: int) -> None:
    labels, probabilities = cohort(seed)
    pairs, called = np.eye(3)[labels].ravel(), (probabilities > 0.5).ravel()
    hits, calls = of.micro_counts(labels, probabilities)
    assert hits.mean() == pytest.approx(sk.recall_score(pairs, called), abs=1e-12)
    assert hits.sum() / calls.sum() == pytest.approx(sk.precision_score(pairs, called), abs=1e-12)


def test_a_probability_of_exactly_one_half_is_not_called_as_in_keras() -> None:
    hits, calls = of.micro_counts([0], [[0.5, 0.5]])
    assert (hits.tolist(), calls.tolist()) == ([0.0], [0.0])


def test_cross_entropy_of_a_sure_mistake_is_clipped_as_keras_clips() -> None:
    assert of.cross_entropy_values([0], [[0.0, 1.0]])[0] == pytest.approx(-np.log(1e-7))


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
        of.brier_values([0, 1], [[0.5, 0.5], row])


def test_missing_rows_are_refused() -> None:
    with pytest.raises(EvaluationError, match=r"found shape \(1, 2\); expected \(2, classes\)"):
        of.brier_values([0, 1], [[0.5, 0.5]])
