import numpy as np
import pytest

from covidcxr.core.recipe import CalibrationRecipe
from covidcxr.models.bundle_info import BundleInfo, NetworkInfo, PreprocessInfo
from covidcxr.training.calibrate import calibrate, operating_point

CLASSES = ("COVID-19", "Normal", "Pneumonia")


def plain_info() -> BundleInfo:
    return BundleInfo(
        name="x",
        network=NetworkInfo(name="zhong2020", num_parameters=1),
        classes=CLASSES,
        preprocess=PreprocessInfo(size=8),
    )


def over_confident(num: int, factor: float) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(num, 3))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (shares.cumsum(axis=1) < generator.random((num, 1))).sum(axis=1)
    return factor * logits, labels


def test_temperature_sets_and_points_come_from_the_validation_scores() -> None:
    logits, labels = over_confident(6000, 3.0)
    info = calibrate(plain_info(), logits, labels, CalibrationRecipe(sensitivities=(0.8,)))
    assert info.temperature == pytest.approx(3.0, rel=0.08)
    limits = info.conformal["0.90"]
    assert isinstance(limits, dict)
    assert list(limits) == list(CLASSES)
    assert [(point.label, point.target) for point in info.operating_points] == [(label, 0.8) for label in CLASSES]
    assert all(0.8 <= point.sensitivity < 0.81 for point in info.operating_points)


def test_scores_without_a_mistake_stay_as_they_are_and_say_so() -> None:
    info = calibrate(plain_info(), np.eye(3) * 4.0, np.arange(3), CalibrationRecipe())
    assert info.temperature == 1.0
    assert info.notes[-1].startswith("Not calibrated: no validation image was called wrongly")


def test_what_a_recipe_switches_off_is_left_alone() -> None:
    logits, labels = over_confident(300, 3.0)
    recipe = CalibrationRecipe(temperature=False, coverage=0.0, sensitivities=())
    assert calibrate(plain_info(), logits, labels, recipe) == plain_info()


def test_the_threshold_is_the_largest_that_finds_enough() -> None:
    scores, positive = np.array([0.9, 0.8, 0.7, 0.1, 0.75, 0.2]), np.array([1, 1, 1, 1, 0, 0], bool)
    point = operating_point("COVID-19", scores, positive, 0.75)
    assert (point.threshold, point.sensitivity, point.specificity, point.num_cases) == (0.7, 0.75, 0.5, 4)
    assert operating_point("COVID-19", scores, positive, 0.76).threshold == 0.1
    assert operating_point("COVID-19", scores, positive, 0.0).threshold == 0.9
