from __future__ import annotations

import resource
import time

import numpy as np
import pytest

import crafted
import hostile
from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.reading import REASONS, read

LIMIT_S = 10.0
LIMIT_BYTES = 1 << 30


def outcome(data: bytes) -> np.ndarray | str:
    """Return the pixels, or the reason why there are none; anything but an `ImageReadError` escapes."""
    try:
        return read(data).pixels
    except ImageReadError as error:
        return error.reason


@pytest.fixture(scope="module")
def families() -> dict[str, list[tuple[str, bytes]]]:
    return {name: list(make()) for name, make in hostile.FAMILIES.items()}


def test_there_are_more_than_three_hundred_of_them(families: dict[str, list[tuple[str, bytes]]]) -> None:
    names = [f"{family}: {name}" for family, files in families.items() for name, _ in files]
    assert len(set(names)) == len(names) > 300


@pytest.mark.parametrize("family", hostile.FAMILIES)
def test_none_crashes_hangs_or_eats_memory_and_each_has_a_reason(
    family: str, families: dict[str, list[tuple[str, bytes]]]
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, data in families[family]:
        start = time.monotonic()
        found = outcome(data)
        assert time.monotonic() - start < LIMIT_S, name
        if isinstance(found, str):
            assert found in REASONS, name
        else:
            assert found.ndim == 2, name
            assert found.min() >= 0.0, name
            assert found.max() <= 1.0, name
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024  # Linux counts in KiB
    assert grown < LIMIT_BYTES


def test_a_truncated_file_is_refused_or_was_whole_all_the_same(families: dict[str, list[tuple[str, bytes]]]) -> None:
    whole = {name: outcome(data) for name, data in crafted.whole_files().items()}
    num_refused = 0
    for name, data in families["truncated"]:
        found = outcome(data)
        if isinstance(found, str):
            num_refused += 1
            continue
        np.testing.assert_array_equal(found, whole[name.partition(" ")[0]], err_msg=name)
    assert num_refused > 0.9 * len(families["truncated"])


def test_every_sound_file_is_read() -> None:
    for name, data in crafted.whole_files().items():
        assert not isinstance(outcome(data), str), name


@pytest.mark.parametrize("family", ["no images", "zero sizes"])
def test_none_of_these_is_an_image(family: str, families: dict[str, list[tuple[str, bytes]]]) -> None:
    read_anyway = [name for name, data in families[family] if not isinstance(outcome(data), str)]
    assert read_anyway == []


def test_bombs_are_refused_before_they_go_off(families: dict[str, list[tuple[str, bytes]]]) -> None:
    harmless = {"PNG with a text bomb", "WebP", "J2K tiles"}
    for name, data in families["bombs"]:
        if name not in harmless:
            assert isinstance(outcome(data), str), name
