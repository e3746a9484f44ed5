"""All metrics at once: the same as each alone, under any weights, with reasons where there is no value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics import confusion, probabilities
from covidcxr.metrics.calibration import calibration_error_interval, expected_calibration_error
from covidcxr.metrics.discrimination import auroc
from covidcxr.metrics.intervals import clustered_wilson, wilson
from covidcxr.metrics.metric_set import MetricSet, measure
from covidcxr.metrics.settings import IntervalSettings

CLASSES = ("COVID-19", "Normal", "Pneumonia")


def cohort(seed: int, count: int = 50) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.concatenate([[0, 1, 2], generator.integers(0, 3, count - 3)])
    logits = generator.normal(size=(count, 3)) + 2 * np.eye(3)[labels]
    return labels, probabilities.softmax(logits)


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_every_value_is_that_of_the_single_function_on_the_repeated_cases(seed: int) -> None:
    labels, values = cohort(seed)
    weights = np.random.default_rng(seed + 1).integers(1, 4, labels.size)
    metric_set = MetricSet(labels, values, CLASSES, prevalence={"Normal": 0.1})
    got = dict(zip(metric_set.names, metric_set(weights[np.newaxis].astype(float))[0], strict=True))
    actual, drawn = np.repeat(labels, weights), np.repeat(values, weights, axis=0)
    matrix = confusion.confusion_matrix(actual, drawn.argmax(axis=1), 3)
    pairs, called = np.eye(3)[actual].ravel(), (drawn > 0.5).ravel()
    expected = {
        "accuracy": confusion.accuracy(matrix),
        "balanced_accuracy": confusion.balanced_accuracy(matrix),
        "mcc": confusion.mcc(matrix),
        "npv/Normal": confusion.npv(matrix)[1],
        "ppv_at/Normal": confusion.ppv_at(matrix, 0.1)[1],
        "brier": sk.brier_score_loss(actual, drawn, labels=[0, 1, 2], scale_by_half=False),
        "cross_entropy": sk.log_loss(actual, drawn, labels=[0, 1, 2]),
        "micro_precision": sk.precision_score(pairs, called),
        "micro_recall": sk.recall_score(pairs, called),
        "true_probability/Pneumonia": drawn[actual == 2, 2].mean(),
        "auroc_macro": np.mean([auroc(actual == c, drawn[:, c]) for c in range(3)]),
        **{f"sensitivity/{name}": confusion.sensitivity(matrix)[c] for c, name in enumerate(CLASSES)},
        **{f"auroc/{name}": auroc(actual == c, drawn[:, c]) for c, name in enumerate(CLASSES)},
        **{
            f"average_precision/{name}": sk.average_precision_score(actual == c, drawn[:, c])
            for c, name in enumerate(CLASSES)
        },
    }
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, abs=1e-12), name


def test_the_calibration_error_of_the_set_is_that_of_the_function_with_the_same_interval() -> None:
    labels, values = cohort(5, 300)
    metric = measure(labels, values, CLASSES, intervals=IntervalSettings(rounds=300)).metrics["ece"]
    confidence, correct = values.max(axis=1), values.argmax(axis=1) == labels
    assert metric.value == pytest.approx(expected_calibration_error(confidence, correct), abs=1e-12)
    alone = calibration_error_interval(confidence, correct, rounds=300)
    assert (metric.low, metric.high) == pytest.approx((alone.low, alone.high), abs=1e-12)


def test_every_interval_holds_its_value_and_names_its_cases() -> None:
    labels, values = cohort(2, 200)
    scored = measure(labels, values, CLASSES, groups=np.arange(200) // 2, intervals=IntervalSettings(rounds=400))
    for name, metric in scored.metrics.items():
        assert metric.value is not None, name
        assert metric.low is not None, name
        assert metric.high is not None, name
        assert metric.low <= metric.value <= metric.high, name
    assert scored.metrics["sensitivity/Normal"].num_cases == int((labels == 1).sum())
    assert scored.metrics["accuracy"].num_cases == 200


def test_a_class_absent_from_the_cohort_is_not_estimable_with_the_reason() -> None:
    labels, values = cohort(2)
    kept = labels != 2
    metrics = measure(labels[kept], values[kept], CLASSES, intervals=IntervalSettings(rounds=50)).metrics
    for name in ("sensitivity/Pneumonia", "auroc/Pneumonia", "balanced_accuracy", "auroc_macro"):
        assert metrics[name].value is None
        assert metrics[name].low is None
        assert metrics[name].reason == "no case of Pneumonia"
    assert metrics["specificity/Pneumonia"].value is not None
    assert metrics["accuracy"].value is not None


def test_a_class_never_called_has_no_ppv_and_a_single_class_cohort_no_specificity() -> None:
    values = np.tile([0.8, 0.1, 0.1], (6, 1))
    metrics = measure(np.zeros(6), values, CLASSES, intervals=IntervalSettings(rounds=20)).metrics
    assert metrics["ppv/Normal"].reason == "no case was called Normal"
    assert metrics["npv/COVID-19"].reason == "every case was called COVID-19"
    assert metrics["specificity/COVID-19"].reason == "every case is COVID-19"
    assert metrics["mcc"].reason == "every case was called the same class"


def test_one_patient_only_gives_values_without_intervals() -> None:
    labels, values = cohort(2)
    metric = measure(
        labels, values, CLASSES, groups=["p"] * labels.size, intervals=IntervalSettings(rounds=20)
    ).metrics["accuracy"]
    assert metric.value is not None
    assert metric.low is None
    assert metric.reason == "one patient only: no interval"


def test_all_right_gets_wilsons_lower_limit_and_not_certainty() -> None:
    labels = np.arange(90) % 3
    metrics = measure(labels, np.eye(3)[labels], CLASSES, intervals=IntervalSettings(rounds=100)).metrics
    assert metrics["accuracy"].low == pytest.approx(wilson(90, 90).low)
    assert metrics["sensitivity/Normal"].low == pytest.approx(wilson(30, 30).low)
    assert metrics["sensitivity/Normal"].high == 1.0


def test_ranking_everything_rightly_is_no_certainty() -> None:
    labels = np.arange(36) % 3
    metrics = measure(labels, np.eye(3)[labels] * 0.7 + 0.1, CLASSES, intervals=IntervalSettings(rounds=100)).metrics
    assert metrics["auroc/COVID-19"].value == metrics["auroc/COVID-19"].high == 1.0
    assert metrics["auroc/COVID-19"].low == pytest.approx(wilson(12, 12).low)
    for name in ("f1/Normal", "balanced_accuracy", "mcc", "brier", "auroc_macro"):
        assert metrics[name].value is not None
        assert metrics[name].low is None
        assert "the same in every resampled cohort" in metrics[name].reason


def test_a_predictive_value_without_one_false_alarm_is_bounded_by_the_limits_of_what_it_is_made_of() -> None:
    labels = np.repeat([0, 1, 2], 30)
    called = labels.copy()
    called[:3] = 1  # 27 of 30 found, none of 60 called wrongly
    values = np.eye(3)[called]
    metrics = measure(
        labels, values, CLASSES, prevalence={"COVID-19": 0.02}, intervals=IntervalSettings(rounds=100)
    ).metrics
    ppv = metrics["ppv_at/COVID-19"]
    found, cleared = clustered_wilson(np.arange(30) >= 3, None).low, wilson(60, 60).low
    assert ppv.value == ppv.high == 1.0
    assert ppv.low == pytest.approx(found * 0.02 / (found * 0.02 + (1 - cleared) * 0.98))
    assert metrics["npv_at/COVID-19"].low is not None


def test_a_predictive_value_at_a_prevalence_says_that_nothing_was_called_not_that_nothing_is_there() -> None:
    values = np.tile([0.1, 0.8, 0.1], (20, 1))
    metrics = measure(
        np.arange(20) % 2, values, CLASSES, prevalence={"COVID-19": 0.1}, intervals=IntervalSettings(rounds=20)
    ).metrics
    assert metrics["ppv_at/COVID-19"].reason == "no case was called COVID-19"
    absent = measure(
        np.ones(20, int), values, CLASSES, prevalence={"COVID-19": 0.1}, intervals=IntervalSettings(rounds=20)
    ).metrics
    assert absent["ppv_at/COVID-19"].reason == "no case of COVID-19"


def test_the_wrong_number_of_classes_and_an_unknown_prevalence_are_refused() -> None:
    labels, values = cohort(2)
    with pytest.raises(EvaluationError, match="found 3 columns; expected one for each of"):
        MetricSet(np.minimum(labels, 1), values, CLASSES[:2])
    with pytest.raises(EvaluationError, match="prevalence of Cold: expected one of"):
        MetricSet(labels, values, CLASSES, prevalence={"Cold": 0.3})
