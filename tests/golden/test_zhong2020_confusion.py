"""The published confusion matrix of Zhong 2020 (arXiv:2007.09695, Figure 5) and our intervals for it."""

from __future__ import annotations

import numpy as np
import pytest

from covidcxr.metrics import confusion as of
from covidcxr.metrics.intervals import wilson
from covidcxr.metrics.measure import measure

PUBLISHED = np.array([[98, 0, 2], [9, 197, 36], [5, 42, 351]])
CLASSES = ("COVID-19", "Normal", "Pneumonia")


def test_the_published_matrix_has_the_published_accuracy() -> None:
    assert PUBLISHED.sum() == 740
    assert of.accuracy(PUBLISHED) == pytest.approx(0.873, abs=5e-4)
    assert of.sensitivity(PUBLISHED) == pytest.approx([0.98, 0.8140, 0.8819], abs=5e-5)


def test_its_accuracy_and_sensitivity_have_these_intervals() -> None:
    rows, columns = np.indices((3, 3))
    labels, predicted = np.repeat(rows.ravel(), PUBLISHED.ravel()), np.repeat(columns.ravel(), PUBLISHED.ravel())
    metrics = measure(labels, np.eye(3)[predicted], CLASSES)
    accuracy = metrics["accuracy"]
    assert (accuracy.low, accuracy.high) == pytest.approx((0.847, 0.895), abs=1e-3)
    exact = wilson(646, 740)
    assert (exact.value, exact.low, exact.high) == pytest.approx((0.87297, 0.84707, 0.89504), abs=5e-5)
    covid = wilson(98, 100)
    assert (covid.low, covid.high) == pytest.approx((0.93001, 0.99450), abs=5e-5)
    found = metrics["sensitivity/COVID-19"]
    assert found.value == pytest.approx(0.98)
    assert (found.low, found.high) == pytest.approx((0.929, 0.995), abs=1e-3)
