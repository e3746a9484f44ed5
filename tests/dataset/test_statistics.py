from __future__ import annotations

from dataclasses import replace

import pytest
from dataset_builders import manifest, sample

from covidcxr.core.errors import DatasetError
from covidcxr.dataset.compare import Change, compare
from covidcxr.dataset.statistics import Count, count_by


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
    assert (found.only_first, found.only_second, found.changed) == ((), (), ())


def test_a_difference_names_images_that_came_went_and_changed() -> None:
    moved = replace(sample("b"), split="test")
    found = compare(manifest(sample("a"), sample("b")), manifest(moved, sample("c")))
    assert not found.same
    assert found.only_first == ("cohen:a",)
    assert found.only_second == ("cohen:c",)
    assert found.changed == (Change(record_id="cohen:b", column="split", first="train", second="test"),)
