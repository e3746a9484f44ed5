from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.metrics.conformal import fit_conformal
from covidcxr.metrics.prediction_sets import calibrated, decide, prediction_set, undecided
from covidcxr.metrics.probabilities import softmax

CLASSES = ("COVID-19", "Normal", "Pneumonia")


def shares(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


@given(st.lists(st.floats(-300, 300, width=32), min_size=2, max_size=5), st.floats(0.1, 10))
def test_probabilities_sum_to_one_and_keep_the_order(logits: list[float], temperature: float) -> None:
    found = calibrated(np.array(logits, np.float32), temperature)
    assert found.sum() == pytest.approx(1.0, abs=1e-5)
    assert found[int(np.argmax(logits))] == found.max()


def test_a_higher_temperature_is_less_sure() -> None:
    logits = np.array([2.0, 0.0], np.float32)
    assert calibrated(logits, 1.0)[0] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-6)
    assert calibrated(logits, 2.0)[0] == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-6)


@pytest.mark.parametrize(
    ("probabilities", "thresholds", "label"),
    [
        ((0.3, 0.4, 0.3), {}, "Normal"),
        ((0.3, 0.4, 0.3), {"COVID-19": 0.25}, "COVID-19"),
        ((0.2, 0.3, 0.5), {"COVID-19": 0.25}, "Pneumonia"),
        ((0.6, 0.3, 0.1), {"COVID-19": 0.7}, "Normal"),
        ((0.5, 0.5, 0.0), {"COVID-19": 0.4, "Normal": 0.2}, "Normal"),
        ((0.1, 0.3, 0.6), {"COVID-19": 0.9, "Normal": 0.9, "Pneumonia": 0.9}, "Pneumonia"),
    ],
)
def test_thresholds_decide_before_the_largest(
    probabilities: tuple[float, ...], thresholds: dict[str, float], label: str
) -> None:
    assert decide(shares(*probabilities), CLASSES, thresholds) == label


def test_the_conformal_set_holds_what_is_probable_enough() -> None:
    quantiles = {"0.80": 0.3, "0.90": 0.65}
    assert prediction_set(shares(0.55, 0.4, 0.05), CLASSES, quantiles) == ("COVID-19", "Normal")
    assert prediction_set(shares(0.55, 0.4, 0.05), CLASSES, {}) == ()


def test_a_conformal_set_may_have_a_quantile_for_each_class() -> None:
    quantiles = {"0.90": {"COVID-19": 0.3, "Normal": 0.65, "Pneumonia": 1.0}}
    assert prediction_set(shares(0.4, 0.55, 0.05), CLASSES, quantiles) == ("Normal", "Pneumonia")
    assert prediction_set(shares(0.55, 0.4, 0.05), CLASSES, quantiles) == ("Normal", "Pneumonia")


def test_a_conformal_set_is_empty_where_no_class_is_as_probable_as_promised() -> None:
    assert prediction_set(shares(0.55, 0.4, 0.05), CLASSES, {"0.90": 0.2}) == ()


def test_the_sets_that_are_given_cover_what_they_promise_and_not_more() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 6000)
    probabilities = softmax(generator.normal(size=(6000, 3)) + 4 * np.eye(3)[labels]).astype(np.float32)
    fitted = fit_conformal(probabilities[:3000], labels[:3000], coverage=0.9)
    quantiles = {"0.90": dict(zip(CLASSES, map(float, fitted.thresholds), strict=True))}
    held = [
        CLASSES[label] in prediction_set(row, CLASSES, quantiles)
        for label, row in zip(labels[3000:], probabilities[3000:], strict=True)
    ]
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.95  # a good network: its best guess covers more
    assert 0.88 <= np.mean(held) <= 0.92


@pytest.mark.parametrize(
    ("possible", "words"),
    [
        (("Normal",), None),
        (("Normal", "Pneumonia"), "95% of cases holds Normal and Pneumonia"),
        ((), "95% of cases holds no class"),
        (("Pneumonia",), "95% of cases holds Pneumonia"),
    ],
)
def test_a_label_stands_only_where_it_is_all_that_the_set_holds(possible: tuple[str, ...], words: str | None) -> None:
    found = undecided("Normal", possible, {"0.90": 0.2, "0.95": 0.1})
    assert (not found) if words is None else (found[0].startswith("undecided: ") and words in found[0])
    assert undecided("Normal", (), {}) == ()  # a bundle without sets always answers
