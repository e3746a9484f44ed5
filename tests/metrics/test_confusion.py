"""Confusion-matrix metrics against scikit-learn, by hand, and as properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics import confusion as of

MATRICES = hnp.arrays(np.int64, (3, 3), elements=st.integers(1, 50))


def cases(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices(matrix.shape)
    return np.repeat(rows.ravel(), matrix.ravel()), np.repeat(columns.ravel(), matrix.ravel())


@settings(max_examples=25)
@given(MATRICES)
def test_every_metric_agrees_with_scikit_learn_to_1e_12(matrix: np.ndarray) -> None:
    actual, predicted = cases(matrix)
    pairs = [
        (of.accuracy(matrix), sk.accuracy_score(actual, predicted)),
        (of.balanced_accuracy(matrix), sk.balanced_accuracy_score(actual, predicted)),
        (of.mcc(matrix), sk.matthews_corrcoef(actual, predicted)),
        (of.macro_f1(matrix), sk.f1_score(actual, predicted, average="macro")),
        (of.sensitivity(matrix), sk.recall_score(actual, predicted, average=None)),
        (of.ppv(matrix), sk.precision_score(actual, predicted, average=None)),
        (of.f1(matrix), sk.f1_score(actual, predicted, average=None)),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(of.confusion_matrix(actual, predicted, 3), matrix)


@settings(max_examples=25)
@given(MATRICES)
def test_specificity_and_npv_are_sensitivity_and_ppv_of_the_rest(matrix: np.ndarray) -> None:
    actual, predicted = cases(matrix)
    for column in range(3):
        two = of.confusion_matrix(actual != column, predicted != column, 2)
        assert of.specificity(matrix)[column] == pytest.approx(of.sensitivity(two)[1], abs=1e-12)
        assert of.npv(matrix)[column] == pytest.approx(of.ppv(two)[1], abs=1e-12)


@settings(max_examples=25)
@given(MATRICES)
def test_predictive_values_at_the_observed_prevalence_are_the_observed_ones(matrix: np.ndarray) -> None:
    for column, prevalence in enumerate(matrix.sum(axis=1) / matrix.sum()):
        assert of.ppv_at(matrix, prevalence)[column] == pytest.approx(of.ppv(matrix)[column], abs=1e-12)
        assert of.npv_at(matrix, prevalence)[column] == pytest.approx(of.npv(matrix)[column], abs=1e-12)


def test_ppv_at_a_rare_disease_follows_bayes_rule() -> None:
    matrix = [[90, 10], [5, 95]]
    assert of.ppv_at(matrix, 0.01)[0] == pytest.approx(0.9 * 0.01 / (0.9 * 0.01 + 0.05 * 0.99))
    assert of.npv_at(matrix, 0.01)[0] == pytest.approx(0.95 * 0.99 / (0.95 * 0.99 + 0.1 * 0.01))


def test_a_class_without_cases_has_no_sensitivity_and_makes_balanced_accuracy_not_estimable() -> None:
    matrix = [[8, 2, 0], [1, 9, 0], [0, 0, 0]]
    assert np.isnan(of.sensitivity(matrix)[2])
    assert of.specificity(matrix)[2] == 1.0
    assert np.isnan(of.ppv(matrix)[2])
    assert np.isnan(of.balanced_accuracy(matrix))
    assert of.accuracy(matrix) == 0.85


def test_mcc_is_not_estimable_when_every_case_is_called_the_same() -> None:
    assert np.isnan(of.mcc([[5, 0], [7, 0]]))


def test_a_stack_of_matrices_gives_the_metrics_of_each() -> None:
    stack = np.random.default_rng(0).integers(1, 9, (4, 3, 3))
    np.testing.assert_array_equal(of.f1(stack), [of.f1(matrix) for matrix in stack])
    np.testing.assert_array_equal(of.mcc(stack), [of.mcc(matrix) for matrix in stack])


def test_a_label_out_of_range_is_named_with_its_row() -> None:
    with pytest.raises(EvaluationError, match="row 1 is 3; expected a whole number from 0 to 2"):
        of.confusion_matrix([0, 3], [0, 1], 3)


def test_missing_predictions_are_refused() -> None:
    with pytest.raises(EvaluationError, match="found 1 for 2 cases"):
        of.confusion_matrix([0, 1], [0], 3)
