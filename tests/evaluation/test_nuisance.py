from __future__ import annotations

import numpy as np
import pytest

from cohort_builders import random_cohort
from covidcxr.core.errors import EvaluationError
from covidcxr.core.types import Metric
from covidcxr.evaluation.nuisance import intensity_features, nuisance_baseline, retained_skill
from covidcxr.metrics.settings import IntervalSettings


def images(labels: np.ndarray, *, planted: bool, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    brightness = 90 + (labels == 0) * 40 if planted else np.full(len(labels), 90)
    return np.clip(generator.normal(brightness[:, None, None], 30, (len(labels), 16, 16)), 0, 255).astype(np.uint8)


def test_intensity_features_are_the_six_numbers_of_each_image() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    features = intensity_features(ramp)
    pixels = np.arange(256) / 255
    assert features.shape == (1, 6)
    assert features[0] == pytest.approx(
        [pixels.mean(), pixels.std(), *np.percentile(pixels, [5, 25, 75, 95])], abs=1e-6
    )
    assert intensity_features((ramp / 255).astype(np.float32)) == pytest.approx(features, abs=1e-6)


def test_a_planted_brightness_is_found_and_its_absence_too() -> None:
    cohort = random_cohort(num_cases=240)
    train_labels = np.arange(300) % 3
    found = {}
    for planted in (True, False):
        train = intensity_features(images(train_labels, planted=planted, seed=1))
        test = intensity_features(images(cohort.labels, planted=planted, seed=2))
        found[planted] = nuisance_baseline(train, train_labels, test, cohort, intervals=IntervalSettings(rounds=100))
    assert (found[True].metrics["auroc/COVID-19"].value or 0) > 0.99
    absent = found[False].metrics["auroc/COVID-19"]
    assert absent.low is not None
    assert absent.high is not None
    assert absent.low < 0.5 < absent.high or abs((absent.value or 0) - 0.5) < 0.1
    assert "separate COVID-19 from the rest at AUROC 1.00" in found[True].sentence("COVID-19")


def test_retained_skill_is_the_share_above_chance() -> None:
    half = Metric(name="auroc", value=0.7)
    assert retained_skill(half, Metric(name="auroc", value=0.9)) == pytest.approx(0.5)
    assert retained_skill(half, Metric(name="auroc", value=0.5)) is None
    assert retained_skill(Metric(name="auroc", value=0.4), Metric(name="auroc", value=0.9)) == 0.0
    assert retained_skill(half, None) is None


def test_features_that_do_not_fit_are_refused() -> None:
    cohort = random_cohort(num_cases=30)
    train, labels, test = np.zeros((10, 6)), np.arange(10) % 3, np.zeros((30, 6))
    with pytest.raises(EvaluationError, match="tables of the same columns"):
        nuisance_baseline(train[:, :5], labels, test, cohort)
    with pytest.raises(EvaluationError, match="one row a case"):
        nuisance_baseline(train, labels, test[:-1], cohort)
    with pytest.raises(EvaluationError, match="NaN"):
        nuisance_baseline(train, labels, np.full((30, 6), np.nan), cohort)
    with pytest.raises(EvaluationError, match="one class"):
        nuisance_baseline(train, np.zeros(10, dtype=int), test, cohort)
    with pytest.raises(EvaluationError, match="found shape"):
        intensity_features(np.zeros((4, 4), dtype=np.uint8))
