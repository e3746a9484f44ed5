"""The metrics of a cohort with their intervals: closed forms by default, a bootstrap if asked for."""

from __future__ import annotations

import numpy as np
import pytest

from covidcxr.metrics import probabilities
from covidcxr.metrics.calibration import calibration_error_interval, expected_calibration_error
from covidcxr.metrics.delong import delong
from covidcxr.metrics.intervals import NO_CASE_DIFFERS, clustered_wilson, student_quantile, wilson
from covidcxr.metrics.measure import measure
from covidcxr.metrics.settings import IntervalSettings

CLASSES = ("COVID-19", "Normal", "Pneumonia")


def cohort(seed: int, count: int = 50) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.concatenate([[0, 1, 2], generator.integers(0, 3, count - 3)])
    logits = generator.normal(size=(count, 3)) + 2 * np.eye(3)[labels]
    return labels, probabilities.softmax(logits)


def test_proportions_have_wilsons_interval_on_the_effective_sample_and_aurocs_delongs() -> None:
    labels, values = cohort(3, 80)
    groups = np.arange(80) // 3
    metrics = measure(labels, values, CLASSES, groups=groups)
    sick, right = labels == 0, values.argmax(axis=1) == labels
    expected = clustered_wilson(right[sick], groups[sick])
    assert (metrics["sensitivity/COVID-19"].low, metrics["sensitivity/COVID-19"].high) == (expected.low, expected.high)
    ranked = delong(sick, values[:, 0], groups=groups)
    assert (metrics["auroc/COVID-19"].low, metrics["auroc/COVID-19"].high) == (ranked.low, ranked.high)
    resampled = measure(labels, values, CLASSES, groups=groups, intervals=IntervalSettings(method="percentile"))
    assert resampled["accuracy"].low != metrics["accuracy"].low
    assert resampled["accuracy"].value == metrics["accuracy"].value


def test_the_interval_of_a_mean_is_students_where_every_case_is_a_patient() -> None:
    labels, values = cohort(4, 60)
    labels[:] = 0  # one class: one stratum
    metrics = measure(labels, values, CLASSES)
    losses = -np.log(np.clip(values[:, 0], 1e-7, 1 - 1e-7))
    margin = student_quantile(0.95, 59) * losses.std(ddof=1) / 60**0.5
    assert metrics["cross_entropy"].low == pytest.approx(losses.mean() * np.exp(-margin / losses.mean()), rel=1e-3)


def test_a_class_of_few_patients_gets_no_interval_however_many_the_others_have() -> None:
    labels, values = cohort(6, 100)
    labels[:] = 1 + np.arange(100) % 2
    labels[:8] = 0
    groups = np.concatenate([np.arange(8) // 4, np.arange(2, 94)])  # 8 images of COVID-19 are of 2 patients
    metrics = measure(labels, values, CLASSES, groups=groups)
    assert metrics["sensitivity/COVID-19"].reason == "2 patients: no interval with fewer than 5"
    assert metrics["auroc/COVID-19"].reason == "2 patients on one side: no interval of an AUROC with fewer than 3"
    assert metrics["balanced_accuracy"].reason == metrics["auroc/COVID-19"].reason
    assert metrics["accuracy"].low is not None


def test_the_calibration_error_of_few_patients_has_no_interval() -> None:
    labels, values = cohort(7, 12)
    for patients in (1, 2, 4):
        metric = measure(labels, values, CLASSES, groups=np.arange(12) % patients)["ece"]
        assert metric.value is not None
        assert metric.low is metric.high is None
        assert "no interval with fewer than 5" in metric.reason


def test_the_calibration_error_of_the_set_is_that_of_the_function_with_the_same_interval() -> None:
    labels, values = cohort(5, 300)
    metric = measure(labels, values, CLASSES, intervals=IntervalSettings(rounds=300))["ece"]
    confidence, correct = values.max(axis=1), values.argmax(axis=1) == labels
    assert metric.value == pytest.approx(expected_calibration_error(confidence, correct), abs=1e-12)
    alone = calibration_error_interval(confidence, correct, rounds=300)
    assert (metric.low, metric.high) == pytest.approx((alone.low, alone.high), abs=1e-12)


def test_every_interval_holds_its_value_and_names_its_cases() -> None:
    labels, values = cohort(2, 200)
    metrics = measure(labels, values, CLASSES, groups=np.arange(200) // 2, intervals=IntervalSettings(rounds=400))
    for name, metric in metrics.items():
        assert metric.value is not None, name
        assert metric.low is not None, name
        assert metric.high is not None, name
        assert metric.low <= metric.value <= metric.high, name
    assert metrics["sensitivity/Normal"].num_cases == int((labels == 1).sum())
    assert metrics["accuracy"].num_cases == 200


def test_a_class_absent_from_the_cohort_is_not_estimable_with_the_reason() -> None:
    labels, values = cohort(2)
    kept = labels != 2
    metrics = measure(labels[kept], values[kept], CLASSES, intervals=IntervalSettings(rounds=50))
    for name in ("sensitivity/Pneumonia", "auroc/Pneumonia", "balanced_accuracy", "auroc_macro"):
        assert metrics[name].value is None
        assert metrics[name].low is None
        assert metrics[name].reason == "no case of Pneumonia"
    assert metrics["specificity/Pneumonia"].value is not None
    assert metrics["accuracy"].value is not None


def test_a_class_never_called_has_no_ppv_and_a_single_class_cohort_no_specificity() -> None:
    values = np.tile([0.8, 0.1, 0.1], (6, 1))
    metrics = measure(np.zeros(6), values, CLASSES, intervals=IntervalSettings(rounds=20))
    assert metrics["ppv/Normal"].reason == "no case was called Normal"
    assert metrics["npv/COVID-19"].reason == "every case was called COVID-19"
    assert metrics["specificity/COVID-19"].reason == "every case is COVID-19"
    assert metrics["mcc"].reason == "every case was called the same class"


def test_one_patient_only_gives_values_without_intervals() -> None:
    labels, values = cohort(2)
    metric = measure(labels, values, CLASSES, groups=["p"] * labels.size, intervals=IntervalSettings(rounds=20))[
        "accuracy"
    ]
    assert metric.value is not None
    assert metric.low is None
    assert metric.reason == "1 patient: no interval with fewer than 5"


def test_all_right_gets_wilsons_lower_limit_and_not_certainty() -> None:
    labels = np.arange(90) % 3
    metrics = measure(labels, np.eye(3)[labels], CLASSES, intervals=IntervalSettings(rounds=100))
    assert metrics["accuracy"].low == pytest.approx(wilson(90, 90, quantile=student_quantile(0.95, 89)).low)
    assert metrics["sensitivity/Normal"].low == pytest.approx(wilson(30, 30, quantile=student_quantile(0.95, 29)).low)
    assert metrics["sensitivity/Normal"].high == 1.0


def test_ranking_everything_rightly_is_no_certainty() -> None:
    labels = np.arange(36) % 3
    metrics = measure(labels, np.eye(3)[labels] * 0.7 + 0.1, CLASSES, intervals=IntervalSettings(rounds=100))
    assert metrics["auroc/COVID-19"].value == metrics["auroc/COVID-19"].high == 1.0
    assert metrics["auroc/COVID-19"].low == pytest.approx(wilson(12, 12, quantile=student_quantile(0.95, 35)).low)
    for name in ("f1/Normal", "balanced_accuracy", "mcc", "brier", "auroc_macro"):
        assert metrics[name].value is not None
        assert metrics[name].low is None
        assert metrics[name].reason == NO_CASE_DIFFERS


def test_a_predictive_value_without_one_false_alarm_is_bounded_by_the_limits_of_what_it_is_made_of() -> None:
    labels = np.repeat([0, 1, 2], 30)
    called = labels.copy()
    called[:3] = 1  # 27 of 30 found, none of 60 called wrongly
    values = np.eye(3)[called]
    metrics = measure(labels, values, CLASSES, prevalence={"COVID-19": 0.02}, intervals=IntervalSettings(rounds=100))
    ppv = metrics["ppv_at/COVID-19"]
    found, cleared = (clustered_wilson(right, None).low for right in (np.arange(30) >= 3, np.ones(60)))
    assert ppv.value == ppv.high == 1.0
    assert ppv.low == pytest.approx(found * 0.02 / (found * 0.02 + (1 - cleared) * 0.98))
    assert metrics["npv_at/COVID-19"].low is not None


def test_a_predictive_value_at_a_prevalence_says_that_nothing_was_called_not_that_nothing_is_there() -> None:
    values = np.tile([0.1, 0.8, 0.1], (20, 1))
    metrics = measure(
        np.arange(20) % 2, values, CLASSES, prevalence={"COVID-19": 0.1}, intervals=IntervalSettings(rounds=20)
    )
    assert metrics["ppv_at/COVID-19"].reason == "no case was called COVID-19"
    absent = measure(
        np.ones(20, int), values, CLASSES, prevalence={"COVID-19": 0.1}, intervals=IntervalSettings(rounds=20)
    )
    assert absent["ppv_at/COVID-19"].reason == "no case of COVID-19"
