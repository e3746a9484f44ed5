"""Wilson and DeLong against statsmodels, against their definitions, and with clustered cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.discrimination import auroc
from covidcxr.metrics.intervals import clustered_wilson, delong, placement_covariance, placements, wilson


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.9, 0.95]))
def test_wilson_agrees_with_statsmodels_to_1e_12(counts: tuple[int, int], level: float) -> None:
    interval = wilson(*counts, level=level)
    low, high = proportion_confint(*counts, alpha=1 - level, method="wilson")
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-12)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_wilson_of_nothing_is_not_estimable_and_of_too_much_refused() -> None:
    assert np.isnan(wilson(0, 0).value)
    with pytest.raises(EvaluationError, match="6 successes of 5 trials"):
        wilson(6, 5)
    with pytest.raises(EvaluationError, match="level: found 95"):
        wilson(1, 5, level=95)


def test_clustered_wilson_of_copies_is_wilson_of_the_patients() -> None:
    outcome = np.array([1, 1, 0, 1, 0, 1, 1, 1, 0, 1])
    copied = clustered_wilson(np.repeat(outcome, 5), np.repeat(np.arange(10), 5))
    plain = wilson(7 * 0.9, 9)  # the robust variance has K - 1 in its denominator
    assert (copied.low, copied.high) == pytest.approx((plain.low, plain.high), abs=1e-12)


def test_clustered_wilson_of_all_right_counts_patients_not_images() -> None:
    interval = clustered_wilson(np.ones(50), np.repeat(np.arange(10), 5))
    assert interval.low == pytest.approx(wilson(10, 10).low)
    assert interval.high == 1.0


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
    assert interval.high == pytest.approx(min(1, value + stats.norm.ppf(0.975) * variance**0.5), abs=1e-12)
    assert interval.value == pytest.approx(auroc(positive, scores), abs=1e-12)


def test_clustered_delong_of_copies_is_as_wide_as_without_the_copies() -> None:
    generator = np.random.default_rng(1)
    positive = generator.random(60) < 0.4
    scores = generator.normal(size=60) + positive
    once = delong(positive, scores)
    copied = delong(np.repeat(positive, 3), np.repeat(scores, 3), groups=np.repeat(np.arange(60), 3))
    naive = delong(np.repeat(positive, 3), np.repeat(scores, 3))
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), abs=1e-12)
    assert naive.high - naive.low < 0.65 * (once.high - once.low)


def test_delong_without_a_side_is_not_estimable_and_with_one_patient_has_no_limits() -> None:
    assert np.isnan(delong([True, True], [0.1, 0.4]).value)
    single = delong([True, False, False], [0.9, 0.1, 0.2])
    assert single.value == 1.0
    assert np.isnan(single.low)
