"""Wilson against statsmodels, against their definitions, and with clustered cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.intervals import (
    Interval,
    clustered_wilson,
    design_effect,
    effective_patients,
    newcombe,
    ratio,
    satterthwaite_degrees,
    student_quantile,
    wilson,
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
    # The robust variance has K - 1 in its denominator, and Student's quantile 9 degrees of freedom.
    plain = wilson(7 * 0.9, 9, quantile=student_quantile(0.95, 9))
    assert (copied.low, copied.high) == pytest.approx((plain.low, plain.high), abs=1e-12)


def test_clustered_wilson_of_all_right_counts_patients_not_images() -> None:
    interval = clustered_wilson(np.ones(50), np.repeat(np.arange(10), 5))
    assert interval.low == pytest.approx(wilson(10, 10, quantile=student_quantile(0.95, 9)).low)
    assert interval.high == 1.0


def test_the_design_effect_is_1_for_unlike_images_and_their_number_for_copies() -> None:
    outcome = np.random.default_rng(0).random(400) < 0.7
    assert design_effect(outcome, None) == pytest.approx(1.0, abs=0.01)
    assert design_effect(np.repeat(outcome, 4), np.repeat(np.arange(400), 4)) == pytest.approx(4.0, abs=0.02)
    assert design_effect(np.ones(20), np.arange(20) // 4) == 4.0


def test_a_sensitivity_of_95_of_100_is_as_wide_as_wilsons() -> None:
    interval = clustered_wilson(np.arange(100) >= 5, None)
    assert (interval.low, interval.high) == pytest.approx((0.888, 0.978), abs=2e-3)


def test_a_patient_with_a_third_of_the_images_counts_as_one_patient() -> None:
    groups = np.concatenate([np.zeros(10, int), np.arange(1, 21)])
    assert effective_patients(groups, 30) == pytest.approx(900 / 120)
    assert effective_patients(None, 30) == 30
    lopsided, even = (clustered_wilson(np.ones(30), patients) for patients in (groups, np.arange(30) % 21))
    assert lopsided.low < even.low - 0.1


def test_two_patients_and_one_with_nearly_all_images_get_no_interval_and_the_reason() -> None:
    few = clustered_wilson([1, 0, 1, 1], [1, 1, 2, 2])
    assert (few.value, few.reason) == (0.75, "2 patients: no interval with fewer than 5")
    assert np.isnan(few.low)
    one = clustered_wilson(np.arange(104) % 2, np.concatenate([np.zeros(100), np.arange(1, 5)]))
    assert "one of 5 patients has most of the images (worth 1.1 equal ones)" in one.reason
    metric = few.metric("accuracy", 4)
    assert (metric.value, metric.low, metric.reason) == (0.75, None, few.reason)


@pytest.mark.parametrize("truths", [[1.0, np.nan] * 5, ["1", "0"] * 5, [1, -1] * 5, [0, 2] * 5])
def test_outcomes_that_are_neither_true_nor_false_are_refused(truths: list[object]) -> None:
    with pytest.raises(EvaluationError, match=r"outcomes: row \d is .*; expected true or false, or 1 or 0"):
        clustered_wilson(truths, None)


def test_a_case_without_a_patient_is_refused_and_named() -> None:
    for groups in (["a", None, "b"], [1.0, float("nan"), 2.0]):
        with pytest.raises(EvaluationError, match="groups: row 1 has no patient"):
            clustered_wilson([1, 0, 1], groups)


def test_the_degrees_of_freedom_are_those_of_the_part_that_varies() -> None:
    assert satterthwaite_degrees([1.0, 0.0], [5, 100]) == 4
    assert satterthwaite_degrees([0.0, 2.0], [5, 100]) == pytest.approx(99)
    assert satterthwaite_degrees([1.0, 1.0], [11, 11]) == pytest.approx(20)


def test_a_ratio_takes_the_uncertainty_of_both() -> None:
    part = Interval(value=0.4, low=0.3, high=0.45)
    certain = Interval(value=0.5, low=0.5, high=0.5)
    assert (ratio(part, certain).low, ratio(part, certain).high) == pytest.approx((0.6, 0.9))
    unsure = ratio(part, Interval(value=0.5, low=0.4, high=0.55))
    assert unsure.low < 0.6
    assert unsure.high > 0.9
    together = ratio(part, Interval(value=0.5, low=0.4, high=0.55), correlation=0.8)
    assert together.high - together.low < unsure.high - unsure.low
    assert np.isnan(ratio(part, Interval(value=0.1, low=-0.1, high=0.3)).low)


def test_the_ratio_agrees_with_fiellers_where_both_are_normal() -> None:
    part, whole, error = 0.3, 0.4, 0.05
    z = 1.96 * error
    found = ratio(
        Interval(value=part, low=part - z, high=part + z), Interval(value=whole, low=whole - z, high=whole + z)
    )
    a, b, c = whole**2 - z**2, -2 * part * whole, part**2 - z**2
    root = (b * b - 4 * a * c) ** 0.5
    assert (found.low, found.high) == pytest.approx(((-b - root) / (2 * a), (-b + root) / (2 * a)))
