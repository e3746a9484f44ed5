from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cohort_builders import CLASSES, prediction, random_cohort, sample
from covidcxr.core.errors import EvaluationError
from covidcxr.core.types import Prediction, Sex
from covidcxr.evaluation.cohort import age_band, cohort_from_predictions

SAMPLES = [sample("a", patient="1", age=64, sex=Sex.FEMALE), sample("b", label="Normal")]
ANSWERS = [prediction("cohen:b", [0.1, 0.7, 0.2]), prediction("cohen:a", [0.5, 0.3, 0.2])]


def test_predictions_are_joined_by_record_id_whatever_their_order() -> None:
    cohort = cohort_from_predictions("tiny", CLASSES, SAMPLES, ANSWERS)
    assert cohort.record_ids == ("cohen:a", "cohen:b")
    assert cohort.labels.tolist() == [0, 1]
    assert cohort.probabilities == pytest.approx(np.array([[0.5, 0.3, 0.2], [0.1, 0.7, 0.2]]))
    assert cohort.groups.tolist() == ["cohen:1", "cohen:b"]
    assert cohort.columns["age"].tolist() == ["60-79", "unknown"]
    assert cohort.columns["sex"].tolist() == ["F", "unknown"]


def test_a_missing_and_a_foreign_prediction_are_both_named() -> None:
    answers = [ANSWERS[1], prediction("cohen:zzz", [1.0, 0.0, 0.0])]
    with pytest.raises(EvaluationError, match=r"1 without a prediction \(such as cohen:b\).*cohen:zzz"):
        cohort_from_predictions("tiny", CLASSES, SAMPLES, answers)


def test_a_case_predicted_twice_is_refused() -> None:
    with pytest.raises(EvaluationError, match="two predictions for cohen:b"):
        cohort_from_predictions("tiny", CLASSES, SAMPLES, [*ANSWERS, ANSWERS[0]])


def test_predictions_over_other_classes_are_refused() -> None:
    answers = [ANSWERS[0], prediction("cohen:a", [0.5, 0.5], classes=("COVID-19", "Normal"))]
    with pytest.raises(EvaluationError, match=r"cohen:a is over the classes COVID-19, Normal; expected COVID-19, N"):
        cohort_from_predictions("tiny", CLASSES, SAMPLES, answers)


def test_a_sample_of_a_class_the_network_does_not_know_is_refused() -> None:
    samples = [sample("a", label="Tuberculosis")]
    with pytest.raises(EvaluationError, match="'Tuberculosis'"):
        cohort_from_predictions("tiny", CLASSES, samples, [prediction("cohen:a", [1, 0, 0])])


def test_an_unreadable_image_leaves_the_cohort_and_is_noted() -> None:
    failed = Prediction(record_id="cohen:a", status="error", classes=CLASSES, reasons=("truncated: ends early",))
    cohort = cohort_from_predictions("tiny", CLASSES, SAMPLES, [ANSWERS[0], failed])
    assert cohort.record_ids == ("cohen:b",)
    assert cohort.notes[0].startswith("1 of 2 images could not be judged")
    assert "1 x error, truncated" in cohort.notes[0]


def test_a_cohort_of_unreadable_images_only_is_refused() -> None:
    failed = [Prediction(record_id=s.record.record_id, status="error", classes=CLASSES) for s in SAMPLES]
    with pytest.raises(EvaluationError, match="not one of 2 images could be judged"):
        cohort_from_predictions("tiny", CLASSES, SAMPLES, failed)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([np.nan, 0.5, 0.5], "not a number"),
        ([0.5, 0.5, 0.5], "do not sum to 1"),
        ([2.5, -1.0, -0.5], "outside 0 to 1"),
    ],
)
def test_a_row_that_is_no_distribution_is_refused_with_its_case(row: list[float], words: str) -> None:
    cohort = random_cohort(num_cases=9)
    broken = cohort.probabilities.copy()
    broken[4] = row
    with pytest.raises(EvaluationError, match=f"cohen:4 has .*{words}"):
        replace(cohort, probabilities=broken)


def test_columns_of_the_wrong_length_and_repeated_cases_are_refused() -> None:
    cohort = random_cohort(num_cases=9)
    with pytest.raises(EvaluationError, match="3 sex; expected 9"):
        replace(cohort, columns={"sex": np.array(["F"] * 3)})
    with pytest.raises(EvaluationError, match="cohen:0 is there twice"):
        replace(cohort, record_ids=("cohen:0", *cohort.record_ids[:-1]))


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (None, "unknown"),
        ((0.5, 0.5), "under 18"),
        ((1, 5), "under 18"),
        ((18, 18), "18-39"),
        ((59.9, 59.9), "40-59"),
        ((60, 79), "60-79"),
        ((10, 20), "unknown"),
        ((101, 101), "80 and over"),
    ],
)
def test_ages_and_spans_fall_into_their_bands(age: tuple[float, float] | None, band: str) -> None:
    assert age_band(age) == band


def test_images_without_a_known_patient_are_noted() -> None:
    cohort = cohort_from_predictions("tiny", CLASSES, SAMPLES, ANSWERS)
    assert any("patient of 1 of 2 images" in note for note in cohort.notes)


def test_what_the_reader_doubted_is_a_note_of_the_cohort() -> None:
    doubted = replace(ANSWERS[0], warnings=("gray-values: 12 bits used", "overlay left out"))
    notes = cohort_from_predictions("tiny", CLASSES, SAMPLES, [doubted, ANSWERS[1]]).notes
    assert "1 images were read with a warning (gray-values): 1 x 12 bits used." in notes
