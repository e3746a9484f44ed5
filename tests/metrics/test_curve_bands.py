"""Bands of ROC and precision-recall curves."""

from __future__ import annotations

import numpy as np
import pytest

from covidcxr.metrics.curves import precision_recall_band, roc_band


def cohort() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    positive = generator.random(200) < 0.3
    return positive, np.round(generator.normal(size=200) + positive, 1)


def test_the_roc_band_holds_the_curve_and_ends_in_the_corner() -> None:
    band = roc_band(*cohort(), rounds=100)
    assert band.y[-1] == 1.0
    assert (np.diff(band.y) >= 0).all()
    assert ((band.low <= band.y) & (band.y <= band.high)).mean() > 0.97
    assert 0.05 < (band.high - band.low).max() < 0.5


def test_precision_at_full_recall_is_near_the_prevalence_and_inside_its_band() -> None:
    positive, scores = cohort()
    band = precision_recall_band(positive, scores, rounds=100)
    reached = scores >= scores[positive].min()
    assert band.y[-1] == pytest.approx(positive[reached].mean())
    assert np.isfinite(band.y).all()
    assert ((band.low <= band.y) & (band.y <= band.high)).mean() > 0.95


def test_copies_of_images_do_not_narrow_the_band_of_patients() -> None:
    positive, scores = cohort()
    patients = np.arange(200)
    once = roc_band(positive, scores, groups=patients, rounds=200)
    copied = roc_band(np.repeat(positive, 3), np.repeat(scores, 3), groups=np.repeat(patients, 3), rounds=200)
    np.testing.assert_allclose(copied.high - copied.low, once.high - once.low, atol=1e-12)
