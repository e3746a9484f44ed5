from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.curation.duplicates import group, group_rows


def test_a_chain_of_copies_and_patients_is_one_group_called_by_its_smallest_patient() -> None:
    groups = group(["a", "b", "c", "d"], [("a", "b")], ["p:2", None, "p:1", None])
    assert groups == {"a": "p:2", "b": "p:2", "c": "p:1", "d": "d"}
    joined = group(["a", "b", "c", "d"], [("a", "b"), ("b", "c")], ["p:2", None, "p:1", None])
    assert joined == {"a": "p:1", "b": "p:1", "c": "p:1", "d": "d"}


def test_without_patients_a_group_is_called_by_its_smallest_image() -> None:
    assert group(["z", "y", "x"], [("z", "y")]) == {"z": "y", "y": "y", "x": "x"}


def test_pairs_of_unknown_images_are_ignored() -> None:
    assert group(["a"], [("a", "gone")]) == {"a": "a"}


@given(st.integers(1, 30), st.data())
def test_rows_are_grouped_as_by_repeated_joining(count: int, data: st.DataObject) -> None:
    row = st.integers(0, count - 1)
    links = data.draw(st.lists(st.tuples(row, row), max_size=40))
    patients = np.array(data.draw(st.lists(st.integers(-1, 5), min_size=count, max_size=count)))
    expected = np.arange(count)
    same = [(a, b) for a in range(count) for b in range(count) if patients[a] >= 0 and patients[a] == patients[b]]
    for _ in range(count):
        for a, b in [*links, *same]:
            expected[[a, b]] = min(expected[a], expected[b])
    pairs = np.array(links, np.int64).reshape(-1, 2)
    np.testing.assert_array_equal(group_rows(count, pairs[:, 0], pairs[:, 1], patients), expected)
