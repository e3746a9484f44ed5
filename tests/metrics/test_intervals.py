"""Wilson and DeLong against statsmodels, against their definitions, and with clustered cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.discrimination import auroc
from covidcxr.metrics.intervals import (
    clustered_wilson,
    delong,
    design_effect,
    newcombe,
    placement_covariance,
    placements,
    wilson,
    worst_case_auroc,
)


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


@pytest.mark.parametrize("counts", [(56, 70, 48, 80), (10, 10, 0, 20), (9, 10, 3, 10)])
def test_newcombe_agrees_with_statsmodels_to_1e_12(counts: tuple[int, int, int, int]) -> None:
    first, of_first, second, of_second = counts
    interval = newcombe(wilson(first, of_first), wilson(second, of_second))
    low, high = confint_proportions_2indep(first, of_first, second, of_second, method="newcomb", compare="diff")
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-12)


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
    assert interval.value == pytest.approx(auroc(positive, scores), abs=1e-12)
    if 0 < value < 1:
        margin = stats.t.ppf(0.975, 17) * variance**0.5 / (value * (1 - value))
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


def test_delong_without_a_side_is_not_estimable_and_with_one_patient_has_no_limits() -> None:
    assert np.isnan(delong([True, True], [0.1, 0.4]).value)
    single = delong([True, False, False], [0.9, 0.1, 0.2])
    assert single.value == 1.0
    assert np.isnan(single.low)


def test_an_auroc_of_1_is_no_certainty_but_as_sure_as_the_fewer_patients_make_it() -> None:
    positive, scores = np.arange(36) < 12, -np.arange(36.0)
    interval = delong(positive, scores)
    assert interval.value == interval.high == 1.0
    assert interval.low == pytest.approx(wilson(12, 12).low)
    in_pairs = delong(positive, scores, groups=np.arange(36) // 2)
    assert in_pairs.low == pytest.approx(wilson(6, 6).low)
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


def test_the_design_effect_is_1_for_unlike_images_and_their_number_for_copies() -> None:
    outcome = np.random.default_rng(0).random(400) < 0.7
    assert design_effect(outcome, None) == pytest.approx(1.0, abs=0.01)
    assert design_effect(np.repeat(outcome, 4), np.repeat(np.arange(400), 4)) == pytest.approx(4.0, abs=0.02)
    assert design_effect(np.ones(20), np.arange(20) // 4) == 4.0
