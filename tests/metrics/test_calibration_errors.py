"""Scaling recovers what was distorted; calibration error is 0 where it should be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.calibration import (
    calibration_error_interval,
    equal_mass_bins,
    expected_calibration_error,
    fit_temperature,
    reliability_curve,
)
from covidcxr.metrics.probabilities import cross_entropy_values, softmax


def honest(seed: int, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Return logits and labels drawn from their very softmax."""
    generator = np.random.default_rng(seed)
    logits = 2 * generator.normal(size=(count, 3))
    labels = (generator.random((count, 1)) > softmax(logits).cumsum(axis=1)).sum(axis=1)
    return logits, np.minimum(labels, 2)


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_temperature_scaling_recovers_the_factor_of_over_confidence(factor: float) -> None:
    logits, labels = honest(0)
    assert fit_temperature(logits * factor, labels).temperature == pytest.approx(factor, rel=0.03)


def test_scaling_never_makes_the_fitted_cross_entropy_worse() -> None:
    logits, labels = honest(2, 500)
    before = cross_entropy_values(labels, softmax(4 * logits)).mean()
    by_temperature = cross_entropy_values(labels, fit_temperature(4 * logits, labels).probabilities(4 * logits)).mean()
    assert by_temperature < before


@given(st.integers(1, 60), st.integers(1, 20))
def test_equal_mass_bins_differ_by_at_most_one_case(count: int, bins: int) -> None:
    order, starts = equal_mass_bins(np.random.default_rng(count).random(count), bins)
    sizes = np.diff([*starts, count])
    assert sorted(order) == list(range(count))
    assert len(starts) == min(bins, count)
    assert sizes.max() - sizes.min() <= 1


def test_the_calibration_error_and_its_curve_do_not_depend_on_the_order_of_ties() -> None:
    generator = np.random.default_rng(1)
    confidence = np.round(generator.random(60), 1)
    correct = generator.random(60) < 0.6
    errors, curves = set(), set()
    for _ in range(20):
        order = generator.permutation(60)
        errors.add(round(expected_calibration_error(confidence[order], correct[order]), 12))
        curves.add(tuple(bin_.num_cases for bin_ in reliability_curve(confidence[order], correct[order])))
    assert len(errors) == len(curves) == 1
    assert expected_calibration_error(np.full(40, 0.75), np.arange(40) % 4 > 0) == pytest.approx(0.0)


def test_calibration_error_by_hand() -> None:
    confidence, correct = [0.6, 0.7, 0.9, 1.0], [1, 0, 1, 1]
    assert expected_calibration_error(confidence, correct, num_bins=2) == pytest.approx((0.15 + 0.05) / 2)


def test_honest_probabilities_have_hardly_any_calibration_error_and_over_confident_ones_do() -> None:
    logits, labels = honest(3)
    for factor, low, high in ((1.0, 0.0, 0.015), (3.0, 0.1, 0.4)):
        values = softmax(factor * logits)
        error = expected_calibration_error(values.max(axis=1), values.argmax(axis=1) == labels)
        assert low <= error <= high


def test_the_interval_of_the_calibration_error_is_not_above_its_value() -> None:
    logits, labels = honest(4, 400)
    values = softmax(logits)
    interval = calibration_error_interval(values.max(axis=1), values.argmax(axis=1) == labels, rounds=500)
    assert interval.low <= interval.value <= interval.high
    assert interval.low < 0.5 * interval.value


def test_the_reliability_curve_of_honest_probabilities_holds_the_diagonal() -> None:
    logits, labels = honest(5)
    values = softmax(logits)
    curve = reliability_curve(values[:, 0], labels == 0)
    assert len(curve) == 10
    assert sum(bin_.num_cases for bin_ in curve) == labels.size
    assert sum(bin_.low <= bin_.confidence <= bin_.high for bin_ in curve) >= 8
    assert [bin_.confidence for bin_ in curve] == sorted(bin_.confidence for bin_ in curve)


def test_infinite_logits_and_no_bins_are_refused() -> None:
    with pytest.raises(EvaluationError, match="row 1 has NaN or infinity"):
        fit_temperature([[0.0, 1.0], [np.inf, 0.0]], [0, 1])
    with pytest.raises(EvaluationError, match="at least 1"):
        equal_mass_bins([0.5], 0)
