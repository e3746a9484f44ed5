"""Two models on the same cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from covidcxr.core.errors import EvaluationError
from covidcxr.core.types import Metric
from covidcxr.metrics.comparison import (
    independent_difference,
    mcnemar,
    paired_delong,
    paired_differences,
)
from covidcxr.metrics.discrimination import auroc
from covidcxr.metrics.intervals import NO_CASE_DIFFERS, wilson
from covidcxr.metrics.probabilities import softmax
from covidcxr.metrics.settings import IntervalSettings


@given(st.integers(0, 10_000))
def test_mcnemars_exact_p_value_agrees_with_statsmodels_to_1e_12(seed: int) -> None:
    first, second = np.random.default_rng(seed).random((2, 40)) < 0.7
    ours = mcnemar(first, second)
    table = [[(first & second).sum(), ours.only_first], [ours.only_second, (~first & ~second).sum()]]
    assert ours.p_value == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue, abs=1e-12)
    assert ours.mid_p_value <= ours.p_value


def test_models_that_agree_everywhere_have_p_1_and_other_cases_are_refused() -> None:
    assert mcnemar([True, False], [True, False]).p_value == 1.0
    with pytest.raises(EvaluationError, match="expected the same cases for both"):
        mcnemar([True, False], [True])


def test_the_paired_interval_is_narrower_than_independent_models_would_give() -> None:
    generator = np.random.default_rng(0)
    positive = generator.random(400) < 0.4
    shared = generator.normal(size=400) + positive
    first, second = shared + 0.1 * generator.normal(size=400), shared + 0.3 * generator.normal(size=400)
    paired = paired_delong(positive, first, second)
    assert paired.value == pytest.approx(auroc(positive, first) - auroc(positive, second), abs=1e-12)
    shuffled = generator.permutation(400)
    unpaired = paired_delong(positive, first, -second[shuffled])
    assert (paired.high - paired.low) < 0.4 * (unpaired.high - unpaired.low)
    assert paired_delong(positive, second, first).p_value == pytest.approx(paired.p_value, abs=1e-12)


def test_delongs_p_value_is_small_only_for_a_real_difference() -> None:
    generator = np.random.default_rng(1)
    positive = generator.random(500) < 0.5
    good, bad = generator.normal(size=500) + 2 * positive, generator.normal(size=500)
    assert paired_delong(positive, good, bad).p_value < 1e-10
    assert paired_delong(positive, good, good).p_value == 1.0
    same = paired_delong(positive, good, good)
    assert np.isnan(same.low)
    assert same.reason == "both rank every case alike"
    assert np.isnan(paired_delong(np.ones(4), [1, 2, 3, 4], [1, 2, 3, 4]).value)


def test_under_no_difference_delong_rejects_about_one_in_twenty() -> None:
    generator = np.random.default_rng(2)
    positive = np.arange(120) < 50
    rejected = sum(
        paired_delong(positive, *(generator.normal(size=(2, 120)) + positive)).p_value < 0.05 for _ in range(400)
    )
    assert 6 <= rejected <= 36


def test_the_bootstrap_of_a_difference_agrees_with_delong() -> None:
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 2, 300)
    base = generator.normal(size=300) + labels
    first, second = (
        softmax(np.stack([-score, score], axis=1)) for score in (base, base + 0.8 * generator.normal(size=300))
    )
    got = paired_differences(labels, first, second, ("a", "b"), intervals=IntervalSettings(rounds=2000))["auroc/b"]
    exact = paired_delong(labels == 1, first[:, 1], second[:, 1])
    assert got.value == pytest.approx(exact.value, abs=1e-12)
    assert (got.low, got.high) == pytest.approx((exact.low, exact.high), abs=0.006)


def test_a_difference_of_a_class_without_cases_says_why() -> None:
    same = np.full((12, 3), 1 / 3)
    got = paired_differences(np.arange(12) % 2, same, same, ("a", "b", "c"), intervals=IntervalSettings(rounds=50))
    assert got["auroc/c"].value is None
    assert got["auroc/c"].reason == "no case of c"
    assert got["accuracy"].value == 0.0
    assert got["accuracy"].low is None
    assert got["accuracy"].reason == NO_CASE_DIFFERS


def test_the_difference_of_two_cohorts_is_newcombes() -> None:
    # Newcombe 1998, table II, method 10, first contrast: 56/70 less 48/80 is 0.2 (0.0524 to 0.3339).
    metrics = []
    for successes, trials in ((48, 80), (56, 70)):
        found = wilson(successes, trials)
        metrics.append(Metric(name="sensitivity", value=found.value, low=found.low, high=found.high, num_cases=trials))
    got = independent_difference(*metrics)
    assert (got.value, got.low, got.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert got.num_cases == 70


def test_a_difference_from_what_has_no_value_or_no_interval_says_why() -> None:
    known = Metric(name="auroc", value=0.9, low=0.8, high=0.95, num_cases=9)
    none = independent_difference(known, Metric(name="auroc", value=None, reason="no case of Flu"))
    assert (none.value, none.reason) == (None, "no case of Flu")
    single = Metric(name="auroc", value=0.7, reason="one patient only: no interval")
    bare = independent_difference(single, known)
    assert bare.value == pytest.approx(0.2)
    assert (bare.low, bare.reason) == (None, "one patient only: no interval")
