"""Perceptual hashes that differ in a few bits, found among a million without comparing each with each.

64 bits are cut into 8 blocks. Two hashes that differ in at most 5 bits agree in 3 of the blocks whole, so each choice
of 3 blocks is a table in which they fall together (G. Manku et al., Detecting near-duplicates for web crawling,
WWW 2007). Tables are sorted one after the other; the cost grows nearly as the number of hashes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

MAX_DISTANCE = 5
_BLOCKS = 8
_AGREEING = _BLOCKS - MAX_DISTANCE
_BATCH = 1 << 22  # comparisons held in memory at a time


def hash_distances(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Return how many of the 64 bits differ, elementwise."""
    distances: NDArray[np.uint8] = np.bitwise_count(first ^ second)
    return distances


def near_hashes(
    hashes: NDArray[np.uint64], others: NDArray[np.uint64] | None = None, *, max_distance: int = MAX_DISTANCE
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the row numbers (first, second) of all pairs of hashes that differ in at most ``max_distance`` bits.

    Without ``others`` pairs are within ``hashes`` and first < second. With ``others``, of the same length, ``first``
    is a row of ``hashes`` and ``second`` of ``others``, again first < second (the mirror images of the same images).

    Raises:
        ValueError: If ``max_distance`` is more than `MAX_DISTANCE`, which the tables do not guarantee.
    """
    if not 0 <= max_distance <= MAX_DISTANCE:
        raise ValueError(f"max_distance {max_distance}; expected 0 to {MAX_DISTANCE}")
    size = np.int64(len(hashes))
    found: list[NDArray[np.int64]] = []
    for blocks in combinations(range(_BLOCKS), _AGREEING):
        for first, second in _together(_key(hashes, blocks), None if others is None else _key(others, blocks)):
            low, high = (np.minimum(first, second), np.maximum(first, second)) if others is None else (first, second)
            near = hash_distances(hashes[low], (hashes if others is None else others)[high]) <= max_distance
            near &= low < high
            if near.any():
                found.append(low[near] * size + high[near])
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    pairs = np.unique(np.concatenate(found))
    return pairs // size, pairs % size


def _key(hashes: NDArray[np.uint64], blocks: tuple[int, ...]) -> NDArray[np.uint32]:
    key = np.zeros(len(hashes), np.uint32)
    for block in blocks:
        key = (key << np.uint32(8)) | ((hashes >> np.uint64(8 * block)) & np.uint64(255)).astype(np.uint32)
    return key


def _together(
    left: NDArray[np.uint32], right: NDArray[np.uint32] | None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield row numbers of equal keys in batches; within ``left`` alone, each pair once."""
    left_order = np.argsort(left, kind="stable")
    known_order = left_order if right is None else np.argsort(right, kind="stable")
    wanted, known = left[left_order], left[left_order] if right is None else right[known_order]
    stop = np.searchsorted(known, wanted, "right")
    start = np.arange(1, len(wanted) + 1) if right is None else np.searchsorted(known, wanted, "left")
    count = stop - start
    rows = np.flatnonzero(count)
    total = np.cumsum(count[rows])
    begin = 0
    while begin < len(rows):
        done = total[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(total, done + _BATCH, "right")))
        part = rows[begin:end]
        repeated = np.repeat(part, count[part])
        offset = np.arange(len(repeated)) - np.repeat(np.cumsum(count[part]) - count[part], count[part])
        yield left_order[repeated], known_order[start[repeated] + offset]
        begin = end
