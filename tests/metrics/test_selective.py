"""Abstaining."""

from __future__ import annotations

import numpy as np
import pytest

from covidcxr.metrics.selective import risk_coverage, threshold_for_risk


def test_the_risk_coverage_curve_by_hand() -> None:
    curve = risk_coverage([0.9, 0.8, 0.8, 0.5], [True, True, False, False])
    assert curve.coverage.tolist() == [0.25, 0.75, 1.0]
    assert curve.risk == pytest.approx([0.0, 1 / 3, 0.5])
    assert curve.thresholds.tolist() == [0.9, 0.8, 0.5]
    assert curve.area == pytest.approx((0 + 1 / 3 + 1 / 3 + 0.5) / 4)


def test_full_coverage_has_the_plain_error_and_answering_the_sure_lowers_it() -> None:
    generator = np.random.default_rng(0)
    confidence = generator.random(500)
    correct = generator.random(500) < confidence
    curve = risk_coverage(confidence, correct)
    assert curve.risk[-1] == pytest.approx(1 - correct.mean())
    assert curve.area < curve.risk[-1]
    threshold = threshold_for_risk(confidence, correct, risk=0.2)
    answered = confidence >= threshold
    assert 1 - correct[answered].mean() <= 0.2
    assert 0.2 < answered.mean() < 1.0


def test_no_threshold_reaches_an_impossible_risk() -> None:
    assert np.isnan(threshold_for_risk([0.9, 0.5], [False, False], risk=0.1))
