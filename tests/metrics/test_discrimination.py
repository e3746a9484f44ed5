"""AUROC, average precision and curves against scikit-learn, with ties and with weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.discrimination import (
    RankedScores,
    auroc,
    average_precision,
    precision_recall_curve,
    roc_curve,
)

COUNT = 40
TRUTHS = hnp.arrays(np.bool_, COUNT)
TIED_SCORES = hnp.arrays(np.int64, COUNT, elements=st.integers(0, 12)).map(lambda scores: scores / 12)
WEIGHTS = hnp.arrays(np.int64, COUNT, elements=st.integers(0, 4))


@settings(max_examples=25)
@given(TRUTHS, TIED_SCORES)
def test_auroc_and_average_precision_agree_with_scikit_learn_to_1e_12(positive: np.ndarray, scores: np.ndarray) -> None:
    assume(0 < positive.sum() < COUNT)
    assert auroc(positive, scores) == pytest.approx(sk.roc_auc_score(positive, scores), abs=1e-12)
    assert average_precision(positive, scores) == pytest.approx(sk.average_precision_score(positive, scores), abs=1e-12)


@settings(max_examples=25)
@given(TRUTHS, TIED_SCORES, WEIGHTS)
def test_a_weight_counts_as_that_many_copies_of_the_case(
    positive: np.ndarray, scores: np.ndarray, weights: np.ndarray
) -> None:
    copies, copied = np.repeat(positive, weights), np.repeat(scores, weights)
    assume(0 < copies.sum() < copies.size)
    aurocs, averages = RankedScores(positive, scores).measure(weights[np.newaxis].astype(float))
    assert aurocs[0] == pytest.approx(sk.roc_auc_score(copies, copied), abs=1e-12)
    assert averages[0] == pytest.approx(sk.average_precision_score(copies, copied), abs=1e-12)


@settings(max_examples=25)
@given(TRUTHS, TIED_SCORES)
def test_reversing_the_scores_turns_the_auroc_around(positive: np.ndarray, scores: np.ndarray) -> None:
    assume(0 < positive.sum() < COUNT)
    assert auroc(positive, scores) + auroc(positive, -scores) == pytest.approx(1.0, abs=1e-12)


@settings(max_examples=25)
@given(TRUTHS, TIED_SCORES)
def test_the_roc_curve_is_scikit_learns_and_encloses_the_auroc(positive: np.ndarray, scores: np.ndarray) -> None:
    assume(0 < positive.sum() < COUNT)
    ours = roc_curve(positive, scores)
    false_rate, true_rate, thresholds = sk.roc_curve(positive, scores, drop_intermediate=False)
    np.testing.assert_allclose(ours.false_positive_rate, false_rate, atol=1e-12)
    np.testing.assert_allclose(ours.true_positive_rate, true_rate, atol=1e-12)
    np.testing.assert_array_equal(ours.thresholds, thresholds)
    area = np.trapezoid(ours.true_positive_rate, ours.false_positive_rate)
    assert area == pytest.approx(auroc(positive, scores), abs=1e-12)


@settings(max_examples=25)
@given(TRUTHS, TIED_SCORES)
def test_the_precision_recall_curve_is_scikit_learns(positive: np.ndarray, scores: np.ndarray) -> None:
    assume(0 < positive.sum() < COUNT)
    ours = precision_recall_curve(positive, scores)
    precision, recall, thresholds = sk.precision_recall_curve(positive, scores)
    np.testing.assert_allclose(ours.precision[::-1], precision[:-1], atol=1e-12)
    np.testing.assert_allclose(ours.recall[::-1], recall[:-1], atol=1e-12)
    np.testing.assert_array_equal(ours.thresholds[::-1], thresholds)


def test_without_one_side_there_is_no_auroc() -> None:
    assert np.isnan(auroc([True, True], [0.1, 0.2]))
    assert np.isnan(auroc([False, False], [0.1, 0.2]))
    assert np.isnan(average_precision([False, False], [0.1, 0.2]))
    assert np.isnan(roc_curve([True, True], [0.1, 0.2]).false_positive_rate).all()


def test_a_nan_score_is_refused_with_its_row() -> None:
    with pytest.raises(EvaluationError, match="row 1 is NaN"):
        auroc([True, False], [0.1, np.nan])
