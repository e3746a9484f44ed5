from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from cohort_builders import CLASSES, cohort_of_counts, random_cohort
from covidcxr.evaluation.published import ZHONG2020
from covidcxr.evaluation.report import evaluate_cohort
from covidcxr.metrics.settings import IntervalSettings


def test_the_published_confusion_matrix_gives_the_published_accuracy_and_our_interval() -> None:
    report = evaluate_cohort(cohort_of_counts([list(row) for row in ZHONG2020.confusion]))
    accuracy = report.metrics["accuracy"]
    assert accuracy.value == pytest.approx(646 / 740)
    assert round(accuracy.value or 0, 3) == 0.873
    assert accuracy.low == pytest.approx(0.847, abs=0.005)
    assert accuracy.high == pytest.approx(0.895, abs=0.005)
    assert report.metrics["sensitivity/COVID-19"].value == pytest.approx(0.98)
    assert report.confusion.tolist() == [list(row) for row in ZHONG2020.confusion]
    assert report.num_patients == 740


def test_smoothed_cross_entropy_is_that_of_keras() -> None:
    cohort = cohort_of_counts([[1, 0, 0], [1, 1, 0], [0, 0, 1]])
    report = evaluate_cohort(cohort, label_smoothing=0.12, intervals=IntervalSettings(rounds=10))
    right = -(0.92 * math.log(0.8) + 2 * 0.04 * math.log(0.1))
    wrong = -(0.92 * math.log(0.1) + 0.04 * math.log(0.8) + 0.04 * math.log(0.1))
    assert report.metrics["cross_entropy_smoothed"].value == pytest.approx((3 * right + wrong) / 4)
    assert report.metrics["cross_entropy_smoothed/COVID-19"].value == pytest.approx(right)
    assert report.metrics["cross_entropy_smoothed/Normal"].value == pytest.approx((right + wrong) / 2)


def test_micro_metrics_of_one_class_look_at_its_images_only() -> None:
    report = evaluate_cohort(cohort_of_counts([[3, 1, 0], [0, 2, 0], [0, 0, 2]]), intervals=IntervalSettings(rounds=10))
    assert report.metrics["micro_precision/COVID-19"].value == pytest.approx(3 / 4)
    assert report.metrics["micro_recall/COVID-19"].value == pytest.approx(3 / 4)
    assert report.metrics["micro_recall/COVID-19"].num_cases == 4


def test_an_absent_class_is_not_estimable_and_says_why() -> None:
    report = evaluate_cohort(cohort_of_counts([[5, 1, 0], [1, 5, 0], [0, 0, 0]]), intervals=IntervalSettings(rounds=50))
    metric = report.metrics["sensitivity/Pneumonia"]
    assert metric.value is None
    assert metric.low is None
    assert metric.reason == "no case of Pneumonia"
    assert report.metrics["balanced_accuracy"].value is None
    assert report.metrics["micro_recall/Pneumonia"].reason == "no case of Pneumonia"
    assert any("no case of Pneumonia" in note for note in report.notes)


def test_one_patient_only_has_values_but_no_interval() -> None:
    cohort = random_cohort(num_cases=30)
    report = evaluate_cohort(replace(cohort, groups=np.array(["cohen:1"] * 30)), intervals=IntervalSettings(rounds=50))
    accuracy = report.metrics["accuracy"]
    assert accuracy.value is not None
    assert accuracy.low is None
    assert accuracy.reason == "1 patient: no interval with fewer than 5"
    assert any("All images are of one patient" in note for note in report.notes)


def test_intervals_hold_the_value_and_widen_when_images_share_patients() -> None:
    alone = evaluate_cohort(random_cohort(num_cases=150, images_a_patient=1), intervals=IntervalSettings(rounds=400))
    crowded = evaluate_cohort(random_cohort(num_cases=150, images_a_patient=10), intervals=IntervalSettings(rounds=400))
    for report in (alone, crowded):
        for name, metric in report.metrics.items():
            if metric.value is not None and metric.low is not None and metric.high is not None:
                assert metric.low <= metric.value <= metric.high, name
    assert alone.num_patients == 150
    assert crowded.num_patients == 15


def test_the_same_seed_gives_the_same_report() -> None:
    first, second = (evaluate_cohort(random_cohort(), intervals=IntervalSettings(rounds=50, seed=3)) for _ in range(2))
    assert first.metrics == second.metrics
    assert first.subgroups == second.subgroups


def test_the_names_that_other_programs_rely_on_are_there() -> None:
    names = set(evaluate_cohort(random_cohort(), intervals=IntervalSettings(rounds=20)).metrics)
    expected = {
        "accuracy",
        "balanced_accuracy",
        "ece",
        "micro_precision",
        "micro_recall",
        "cross_entropy",
        "mcc",
        "brier",
    }
    for label in CLASSES:
        expected |= {f"{metric}/{label}" for metric in ("sensitivity", "specificity", "ppv", "npv", "f1", "auroc")}
    assert expected <= names


def test_predictive_values_at_a_named_prevalence() -> None:
    report = evaluate_cohort(
        cohort_of_counts([[9, 1, 0], [1, 9, 0], [0, 0, 10]]),
        prevalence={"COVID-19": 0.01},
        intervals=IntervalSettings(rounds=20),
    )
    sensitivity, specificity = 0.9, 19 / 20
    expected = sensitivity * 0.01 / (sensitivity * 0.01 + (1 - specificity) * 0.99)
    assert report.metrics["ppv_at/COVID-19"].value == pytest.approx(expected)


def test_a_subgroup_has_the_gap_to_the_rest() -> None:
    cohort = cohort_of_counts([[10, 0, 0], [0, 0, 10], [0, 0, 10]])
    cohort = replace(cohort, columns={"sex": np.where(cohort.labels == 1, "F", "M"), "view": np.array(["PA"] * 30)})
    report = evaluate_cohort(cohort, intervals=IntervalSettings(rounds=200))
    assert set(report.subgroups) == {"sex=F", "sex=M"}
    gap = report.subgroups["sex=F"]["accuracy_gap"]
    assert gap.value == pytest.approx(-1.0)
    assert gap.num_cases == 10
    assert report.subgroups["sex=F"]["auroc/COVID-19"].value is None


def test_a_small_subgroup_that_is_all_right_is_not_surely_better_than_the_rest() -> None:
    cohort = cohort_of_counts([[5, 0, 0], [2, 48, 0], [0, 0, 50]])
    cohort = replace(cohort, columns={"sex": np.where(cohort.labels == 0, "F", "M")})
    gap = evaluate_cohort(cohort, intervals=IntervalSettings(rounds=200)).subgroups["sex=F"]["accuracy_gap"]
    assert gap.value == pytest.approx(0.02)
    assert gap.low is not None
    assert gap.low < -0.3  # five of five: the lower limit is 0.39
