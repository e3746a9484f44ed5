from __future__ import annotations

from dataclasses import replace

import pytest

from covidcxr.core.errors import DatasetError
from covidcxr.core.types import Exclusion
from covidcxr.dataset.compare import Change, Fate, compare
from covidcxr.dataset.statistics import Count, count_by
from dataset_builders import manifest, sample


def test_counts_are_of_images_and_of_groups() -> None:
    samples = [sample("a", patient="1"), sample("b", patient="1"), sample("c", label="Normal")]
    assert count_by(samples, ["label", "split"]) == [
        Count(values=("COVID-19", "train"), num_images=2, num_groups=1),
        Count(values=("Normal", "train"), num_images=1, num_groups=1),
    ]


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(DatasetError, match="no column 'hospital'; expected one of record_id"):
        count_by([sample("a")], ["hospital"])


def test_equal_manifests_are_the_same() -> None:
    found = compare(manifest(sample("a")), manifest(sample("a")))
    assert found.same
    assert found.as_document() == {
        "only_first": [],
        "only_second": [],
        "changed": [],
        "exclusions": [],
        "settings": [],
    }


def test_a_difference_names_images_that_came_went_and_changed() -> None:
    moved = replace(sample("b"), split="test")
    found = compare(manifest(sample("a"), sample("b")), manifest(moved, sample("c")))
    assert not found.same
    assert found.only_first == ("cohen:a",)
    assert found.only_second == ("cohen:c",)
    assert found.changed == (Change(record_id="cohen:b", column="split", first="train", second="test"),)


def test_a_difference_in_exclusions_names_the_rule_that_took_an_image_out() -> None:
    first, second = manifest(sample("a"), sample("b")), manifest(sample("a"))
    lateral = Exclusion(record_id="cohen:b", source="cohen", path="b", rule="lateral", detail="view 'L'")
    found = compare(first, replace(second, exclusions=(lateral,), digest="another"))
    assert found.exclusions == (
        Fate(record_id="cohen:b", first="kept", second="lateral: view 'L'"),
        Fate(record_id="cohen:ct.png", first="ct: view CT", second="not there"),
    )


def test_a_difference_in_settings_alone_is_named() -> None:
    one = manifest(sample("a"))
    asked = {"dataset": {"longest_side": 64, "jpeg_quality": 90}}
    other = {"dataset": {"longest_side": 32, "jpeg_quality": 90}}
    found = compare(one, replace(one, classes=one.classes[::-1]), first_recipe=asked, second_recipe=other)
    assert [(setting.name, setting.first, setting.second) for setting in found.settings] == [
        ("dataset.classes", '["COVID-19", "Normal"]', '["Normal", "COVID-19"]'),
        ("dataset.longest_side", "64", "32"),
    ]
