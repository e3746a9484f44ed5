from __future__ import annotations

import pytest

from cohort_builders import CLASSES, sample
from covidcxr.evaluation.confounds import find_confounding


def test_children_against_adults_and_one_source_a_class_are_found() -> None:
    samples = [sample(f"c{i}", age=60 + i % 5) for i in range(10)]
    ages = "1-5 years, as the release says of all its patients"
    samples += [sample(f"n{i}", label="Normal", source="guangzhou", age_words=ages) for i in range(10)]
    samples += [sample(f"p{i}", label="Pneumonia", source="guangzhou", age_words=ages) for i in range(10)]
    found = find_confounding(samples, CLASSES)
    assert found.ages_apart
    assert found.disjoint_sources
    assert (found.by_source["COVID-19"], found.by_age["COVID-19"]) == (1.0, 1.0)
    assert found.by_source["Normal"] == pytest.approx(0.7, abs=0.02)  # 0.75, of which chance alone adds part
    assert found.classes[0].age_median == 62
    assert found.classes[1].children == 10
    assert any("children in Normal (10 of 10), Pneumonia (10 of 10)" in finding for finding in found.findings)
    words = f"{', '.join(CLASSES)} have one source each, so leave-one-source-out is not estimable."
    assert any(words in finding for finding in found.findings)


def test_classes_that_share_sources_and_ages_have_no_finding() -> None:
    samples = [
        sample(f"{label}{source}{i}", label=label, source=source, age=50 + i)
        for label in CLASSES
        for source in ("one", "two")
        for i in range(15)
    ]
    found = find_confounding(samples, CLASSES)
    assert found.findings == ()
    assert not found.ages_apart
    assert not found.disjoint_sources
    assert set(found.by_source.values()) == {0.5}
    assert set(found.by_age.values()) == {0.5}


def test_nothing_is_told_by_a_source_that_is_only_a_folder_or_by_ages_that_nobody_knows() -> None:
    samples = [sample(f"{label}{i}", label=label, source="class-folders") for label in CLASSES for i in range(5)]
    found = find_confounding(samples, CLASSES)
    assert found.by_source == {}
    assert found.by_age == {}


def test_unknown_ages_stay_unknown() -> None:
    facts = find_confounding([sample("a"), sample("b", label="Normal", age=3)], CLASSES).classes
    assert (facts[0].age_unknown, facts[0].share_children) == (1, None)
    assert (facts[1].children, facts[1].adults) == (1, 0)
    assert facts[2].num_images == 0
