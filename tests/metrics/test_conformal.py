"""Prediction sets cover each class as often as promised, on exchangeable cases."""

from __future__ import annotations

import numpy as np
import pytest

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.conformal import fit_conformal, set_coverage
from covidcxr.metrics.probabilities import softmax


def cohort(generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    labels = generator.choice(3, count, p=[0.15, 0.3, 0.55])
    return softmax(generator.normal(size=(count, 3)) + 1.2 * np.eye(3)[labels]), labels


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_each_class_is_covered_as_often_as_asked_on_average(coverage: float) -> None:
    generator = np.random.default_rng(0)
    shares = []
    for _ in range(60):
        values, labels = cohort(generator, 1200)
        fitted = fit_conformal(values[:400], labels[:400], coverage=coverage)
        measured = set_coverage(fitted.sets(values[400:]), labels[400:])
        shares.append([measured.overall.value, *(interval.value for interval in measured.by_class)])
    np.testing.assert_allclose(np.mean(shares, axis=0), coverage, atol=0.02)


def test_the_threshold_is_the_finite_sample_quantile() -> None:
    own = np.arange(1, 10) / 10
    fitted = fit_conformal(np.stack([own, 1 - own], axis=1), np.zeros(9, dtype=int), coverage=0.8)
    assert fitted.thresholds[0] == pytest.approx(0.8)  # the 8th of 9 scores: ceil(10 x 0.8)


def test_a_class_with_too_few_calibration_cases_is_in_every_set() -> None:
    values = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    fitted = fit_conformal(values, [0, 0, 1], coverage=0.9)
    assert fitted.thresholds.tolist() == [1.0, 1.0]
    assert fitted.sets(values).all()


def test_set_sizes_are_counted() -> None:
    sets = np.array([[True, False], [True, True], [False, False], [False, True]])
    measured = set_coverage(sets, [0, 1, 0, 0])
    assert (measured.mean_size, measured.singletons, measured.empty) == (1.0, 0.5, 0.25)
    assert measured.overall.value == 0.5
    assert measured.by_class[1].value == 1.0


def test_an_impossible_coverage_and_other_classes_are_refused() -> None:
    with pytest.raises(EvaluationError, match="coverage: found 90"):
        fit_conformal([[0.5, 0.5]], [0], coverage=90)
    fitted = fit_conformal([[0.5, 0.5], [0.5, 0.5]], [0, 1])
    with pytest.raises(EvaluationError, match="found 3 classes; expected the 2"):
        fitted.sets([[0.2, 0.3, 0.5]])
