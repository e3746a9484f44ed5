from __future__ import annotations

import numpy as np
import pytest

from covidcxr.curation.duplicates.hashes import hash_distances, near_hashes


def brute_force(hashes: np.ndarray, others: np.ndarray, distance: int) -> set[tuple[int, int]]:
    apart = np.bitwise_count(hashes[:, None] ^ others[None, :])
    return {(a, b) for a, b in zip(*np.nonzero(apart <= distance), strict=True) if a < b}


def planted(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, count, np.uint64)
    for row in range(0, count // 2):  # the second half: copies with 0 to 7 bits turned
        flips = rng.choice(64, row % 8, replace=False)
        hashes[count - 1 - row] = hashes[row] ^ np.uint64(sum(1 << int(bit) for bit in flips))
    return hashes


@pytest.mark.parametrize("distance", [0, 3, 5])
def test_exactly_the_pairs_of_brute_force_are_found(distance: int) -> None:
    hashes = planted(400, seed=distance)
    first, second = near_hashes(hashes, max_distance=distance)
    expected = brute_force(hashes, hashes, distance)
    assert len(expected) > 20
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == expected


def test_two_lists_are_compared_as_by_brute_force() -> None:
    hashes = planted(300, seed=9)
    others = hashes[::-1].copy()
    first, second = near_hashes(hashes, others)
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == brute_force(hashes, others, 5)


def test_no_hashes_have_no_pairs() -> None:
    assert [len(rows) for rows in near_hashes(np.zeros(0, np.uint64))] == [0, 0]


def test_a_distance_that_the_tables_do_not_guarantee_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 0 to 5"):
        near_hashes(np.zeros(2, np.uint64), max_distance=6)


def test_distances_count_the_bits_that_differ() -> None:
    distances = hash_distances(np.array([0, 7], np.uint64), np.array([2**64 - 1, 5], np.uint64))
    assert distances.tolist() == [64, 1]
