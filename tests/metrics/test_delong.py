"""DeLong against its definition, with clustered cases and few patients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.delong import delong, placement_covariance, placements, variance_of, worst_case_auroc
from covidcxr.metrics.discrimination import auroc
from covidcxr.metrics.intervals import student_quantile, wilson


def by_definition(positive: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    wins = (scores[positive][:, None] > scores[~positive]) + 0.5 * (scores[positive][:, None] == scores[~positive])
    of_positives, of_negatives = wins.mean(axis=1), wins.mean(axis=0)
    variance = of_positives.var(ddof=1) / of_positives.size + of_negatives.var(ddof=1) / of_negatives.size
    return wins.mean(), variance


@given(st.integers(0, 10_000))
def test_delong_is_its_definition_by_pairs_to_1e_12(seed: int) -> None:
    generator = np.random.default_rng(seed)
    positive = np.arange(50) < 18
    scores = np.round(generator.normal(size=50) + positive, 1)
    value, variance = by_definition(positive, scores)
    component = placements(positive, scores)
    assert component.auroc == pytest.approx(value, abs=1e-12)
    assert placement_covariance(positive, [component])[0, 0] == pytest.approx(variance, abs=1e-12)
    interval = delong(positive, scores)
    assert interval.value == pytest.approx(auroc(positive, scores), abs=1e-12)
    if 0 < value < 1:
        degrees = variance_of([1.0], positive, [component], None)[1]
        assert 17 <= degrees <= 48
        margin = stats.t.ppf(0.975, degrees) * variance**0.5 / (value * (1 - value))
        assert special.logit(interval.high) == pytest.approx(special.logit(value) + margin, abs=1e-9)
        assert special.logit(interval.low) == pytest.approx(special.logit(value) - margin, abs=1e-9)


def test_clustered_delong_of_copies_is_as_wide_as_without_the_copies() -> None:
    generator = np.random.default_rng(1)
    positive = generator.random(60) < 0.4
    scores = generator.normal(size=60) + positive
    once = delong(positive, scores)
    copied = delong(np.repeat(positive, 3), np.repeat(scores, 3), groups=np.repeat(np.arange(60), 3))
    naive = delong(np.repeat(positive, 3), np.repeat(scores, 3))
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), abs=1e-12)
    assert naive.high - naive.low < 0.65 * (once.high - once.low)


def test_delong_without_a_side_is_not_estimable_and_with_two_patients_has_no_limits() -> None:
    assert np.isnan(delong([True, True], [0.1, 0.4]).value)
    two = delong(np.arange(20) < 8, np.arange(20.0), groups=np.concatenate([np.arange(8) // 4, np.arange(8, 20)]))
    assert two.reason == "2 patients on one side: no interval of an AUROC with fewer than 3"
    single = delong([True, False, False], [0.9, 0.1, 0.2])
    assert single.value == 1.0
    assert np.isnan(single.low)


def test_an_auroc_of_1_is_no_certainty_but_as_sure_as_the_fewer_patients_make_it() -> None:
    positive, scores = np.arange(36) < 12, -np.arange(36.0)
    interval = delong(positive, scores)
    assert interval.value == interval.high == 1.0
    assert interval.low == pytest.approx(wilson(12, 12, quantile=student_quantile(0.95, 35)).low)
    in_pairs = delong(positive, scores, groups=np.arange(36) // 2)
    assert in_pairs.low == pytest.approx(wilson(6, 6, quantile=student_quantile(0.95, 17)).low)
    assert np.isnan(worst_case_auroc(1.0, [True, False, False], None).low)


def test_the_interval_of_an_auroc_holds_the_truth_in_small_clustered_cohorts() -> None:
    generator = np.random.default_rng(4)
    truth = stats.norm.cdf(2.0 / 2**0.5 / 1.25**0.5)
    held = 0
    for _ in range(400):
        groups = np.repeat(np.arange(60), generator.integers(1, 4, 60))
        positive = np.arange(60)[groups] < 20
        scores = generator.normal(size=60)[groups] + 0.5 * generator.normal(size=groups.size) + 2.0 * positive
        interval = delong(positive, scores, groups=groups)
        held += interval.low <= truth <= interval.high
    assert 368 <= held <= 394  # 92 to 98.5 %: 93 to 97 % less the luck of 400 cohorts


@pytest.mark.parametrize("truths", [[1.0, np.nan, 0.0], ["0", "1", "1"], [-1, 1, 1]])
def test_truths_that_are_neither_true_nor_false_are_refused(truths: list[object]) -> None:
    with pytest.raises(EvaluationError, match=r"truths: row \d is .*; expected true or false, or 1 or 0"):
        delong(truths, [0.1, 0.2, 0.3])


def test_truths_may_be_0_and_1_of_any_number_type() -> None:
    scores = np.arange(12.0)
    expected = delong(np.arange(12) % 3 > 0, scores)
    for dtype in (np.int8, np.float32, np.uint64, object):
        assert delong((np.arange(12) % 3 > 0).astype(dtype), scores) == expected
