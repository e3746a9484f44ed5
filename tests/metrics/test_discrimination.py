"""AUROC and average precision against scikit-learn, with ties and with weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.discrimination import RankedScores, auroc

COUNT = 40
TRUTHS = hnp.arrays(np.bool_, COUNT)
TIED_SCORES = hnp.arrays(np.int64, COUNT, elements=st.integers(0, 12)).map(lambda scores: scores / 12)
WEIGHTS = hnp.arrays(np.int64, COUNT, elements=st.integers(0, 4))


@settings(max_examples=25)
@given(TRUTHS, TIED_SCORES)
def test_the_auroc_agrees_with_scikit_learn_to_1e_12(positive: np.ndarray, scores: np.ndarray) -> None:
    assume(0 < positive.sum() < COUNT)
    assert auroc(positive, scores) == pytest.approx(sk.roc_auc_score(positive, scores), abs=1e-12)


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


def test_without_one_side_there_is_no_auroc() -> None:
    assert np.isnan(auroc([True, True], [0.1, 0.2]))
    assert np.isnan(auroc([False, False], [0.1, 0.2]))
    assert np.isnan(RankedScores([False, False], [0.1, 0.2]).measure(np.ones((1, 2)))[1][0])


def test_a_nan_score_is_refused_with_its_row() -> None:
    with pytest.raises(EvaluationError, match="row 1 is NaN"):
        auroc([True, False], [0.1, np.nan])
