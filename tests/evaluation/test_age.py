"""Whether false alarms in adults and children are told apart, with what follows for the verdict."""

from __future__ import annotations

import numpy as np
import pytest

from cohort_builders import CLASSES
from covidcxr.evaluation.age import AgeReading, read_age
from covidcxr.evaluation.age_rule import age_finding, age_sentence, age_weight
from covidcxr.evaluation.cohort import Cohort

Group = tuple[str, str, int, int]  # source, age band, images, of them called COVID-19


def cohort(*groups: Group, label: int = 1) -> Cohort:
    """Return controls of one image a patient; a call has probability 0.8."""
    rows = [
        (source, age, number < called, f"{source}{age}{number}")
        for source, age, total, called in groups
        for number in range(total)
    ]
    probabilities = np.array([[0.8, 0.1, 0.1] if called else [0.1, 0.8, 0.1] for _, _, called, _ in rows])
    names = np.array([name for *_, name in rows])
    return Cohort(
        name="controls",
        classes=CLASSES,
        record_ids=tuple(names.tolist()),
        labels=np.full(len(rows), label),
        probabilities=probabilities,
        groups=names,
        columns={"source": np.array([row[0] for row in rows]), "age": np.array([row[1] for row in rows])},
    )


def read(*groups: Group) -> AgeReading:
    return read_age([cohort(*groups)], "COVID-19")


def test_false_alarms_that_come_with_age_within_one_hospital_are_told_as_such() -> None:
    reading = read(("north", "40-59", 60, 57), ("north", "under 18", 40, 16), ("kids", "under 18", 200, 2))
    assert reading.everyone is not None
    assert reading.one_source is not None
    assert reading.everyone.children.value == pytest.approx(18 / 240)
    assert reading.one_source.gap.value == pytest.approx(0.95 - 0.4)
    assert reading.one_source.auroc.value == pytest.approx(0.775)
    finding = age_finding(reading)
    assert finding is not None
    assert (finding.rule, finding.weight, finding.about) == ("reads-age", "against", "network")
    assert "within north alone 95 % (86 to 98 %) of 60 images of adults and 40 % (26 to 56 %) of 40" in finding.sentence
    assert "at one and the same hospital too" in finding.sentence


def test_without_a_hospital_that_has_both_age_cannot_be_told_from_source() -> None:
    finding = age_finding(read(("nih", "60-79", 80, 75), ("kids", "under 18", 200, 2)))
    assert finding is not None
    assert (finding.rule, finding.weight) == ("reads-age", "against")
    assert finding.sentence.endswith("or with the sources that go with it (adults: nih; children: kids).")


def test_a_hospital_whose_children_are_called_as_often_shows_that_it_is_not_the_age() -> None:
    both = (("nih", "60-79", 300, 285), ("nih", "under 18", 300, 285))
    finding = age_finding(read(*both, ("kids", "under 18", 400, 4)))
    assert finding is not None
    assert (finding.rule, finding.weight) == ("reads-hospital", "against")
    assert "goes with the hospital, not with the age" in finding.sentence


def test_a_network_that_calls_children_more_often_reads_the_age_too() -> None:
    finding = age_finding(read(("north", "40-59", 60, 3), ("north", "under 18", 60, 40)))
    assert finding is not None
    assert finding.rule == "reads-age"


def test_a_few_false_alarms_alike_are_no_finding() -> None:
    reading = read(("north", "40-59", 200, 6), ("north", "under 18", 200, 3))
    assert age_weight(reading) is None
    assert age_finding(reading) is None
    assert age_sentence(reading).startswith("Of patients without COVID-19, 3 % (1 to 6 %) of 200 images of adults")


def test_too_few_of_a_side_is_not_estimable_and_says_of_whom() -> None:
    reading = read(("nih", "60-79", 9, 9), ("kids", "under 18", 200, 2), ("nih", "unknown", 500, 500))
    assert reading.everyone is None
    assert age_finding(reading) is None
    assert "9 adults and 200 children of known age; expected 10 of each" in age_sentence(reading)


def test_patients_with_the_target_are_not_counted() -> None:
    sick = cohort(("north", "60-79", 50, 50), label=0)
    assert read_age([sick, cohort(("kids", "under 18", 50, 0))], "COVID-19").everyone is None


def test_cohorts_are_read_together() -> None:
    parts = [cohort(("nih", "60-79", 40, 30)), cohort(("kids", "under 18", 40, 0))]
    assert age_weight(read_age(parts, "COVID-19")) == "against"
