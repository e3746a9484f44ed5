"""Local words: short codes of keypoint descriptors that an image and its copies share.

A descriptor is projected to a few decorrelated directions and each direction gives one bit; equal codes are found by
sorting, so that looking a million images up costs about a hundred times as much as ten thousand (locality-sensitive
hashing by hyperplanes, M. Charikar, STOC 2002). The directions were fitted to chest radiographs by
``python -m benchmarks.duplicates_projection``. Whether two images really agree is left to `confirm`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

NUM_TABLES = 6
_MAX_BITS = 32
_MIN_BITS = 24
_IMAGES_AT_MIN_BITS = 16_384
_MAX_BUCKET = 200  # a code that so many keypoints share says nothing
_MAX_TURN_DEGREES = 20.0
_MAX_OCTAVES = 0.9
_FEW_IMAGES = 4096
_MIN_VOTES_FEW, _MIN_VOTES_MANY = 5, 7


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class WordTable:
    """The local words of many images, one row a keypoint.

    Attributes:
        image: int32 (R,), which image the keypoint is of.
        codes: uint32 (R, NUM_TABLES).
        mirrored: uint32 (R, NUM_TABLES), the codes it would have in the mirror image.
        angle: float32 (R,), degrees.
        octave: float32 (R,), log2 of the diameter.
    """

    image: NDArray[np.int32]
    codes: NDArray[np.uint32]
    mirrored: NDArray[np.uint32]
    angle: NDArray[np.float32]
    octave: NDArray[np.float32]


def root_descriptors(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (K, 128) descriptors as RootSIFT (Arandjelović & Zisserman, CVPR 2012), float32 of unit length."""
    values = descriptors.astype(np.float32)
    root: NDArray[np.float32] = np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), np.float32(1e-9)))
    return root


def word_codes(descriptors: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return uint32 (K, NUM_TABLES) codes of (K, 128) descriptors."""
    directions, thresholds = _projection()
    bits = (root_descriptors(descriptors) @ directions > thresholds).reshape(-1, NUM_TABLES, _MAX_BITS // 8, 8)
    return np.packbits(bits, axis=-1).reshape(-1, NUM_TABLES, 4).view(">u4")[..., 0].astype(np.uint32)


def bits_for(num_images: int) -> int:
    """Return how many bits a code has: more for more images, so that chance agreements grow no faster than they."""
    more = int(np.ceil(np.log2(max(1, num_images / _IMAGES_AT_MIN_BITS))))
    return min(_MIN_BITS + more, _MAX_BITS)


def votes_needed(num_images: int) -> int:
    """Return how many shared words make a candidate: fewer where a close look at each costs little."""
    return _MIN_VOTES_FEW if num_images <= _FEW_IMAGES else _MIN_VOTES_MANY


def vote(table: WordTable, num_images: int, *, mirrored: bool) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the pairs of images that share enough words at one angle and one scale, and how many they share.

    A pair is coded as ``first * num_images + second``; first < second. With ``mirrored`` the first image is taken
    mirrored.
    """
    shift = np.uint32(_MAX_BITS - bits_for(num_images))
    angle = (np.float32(180.0) - table.angle) if mirrored else table.angle
    found = []
    for number in range(NUM_TABLES):
        codes = table.codes[:, number] >> shift
        first, second = _equal(table.mirrored[:, number] >> shift, codes) if mirrored else _equal(codes, codes)
        keep = table.image[first] < table.image[second]
        first, second = first[keep], second[keep]
        turn = np.abs((angle[first] - table.angle[second] + 180.0) % 360.0 - 180.0)
        keep = (turn < _MAX_TURN_DEGREES) & (np.abs(table.octave[first] - table.octave[second]) < _MAX_OCTAVES)
        found.append(table.image[first[keep]].astype(np.int64) * num_images + table.image[second[keep]])
    pairs, votes = np.unique(np.concatenate(found), return_counts=True)
    enough = votes >= votes_needed(num_images)
    return pairs[enough], votes[enough].astype(np.int32)


def _equal(left: NDArray[np.uint32], right: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the row numbers (in left, in right) of every two equal codes, but for codes that are too common."""
    left_order, right_order = np.argsort(left, kind="stable"), np.argsort(right, kind="stable")
    wanted, known = left[left_order], right[right_order]
    start = np.searchsorted(known, wanted, "left")
    count = np.searchsorted(known, wanted, "right") - start
    count[count > _MAX_BUCKET] = 0
    rows = np.repeat(np.arange(len(wanted)), count)
    offset = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    return left_order[rows], right_order[np.repeat(start, count) + offset]


@cache
def _projection() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    data = resources.files(__package__).joinpath("projection.safetensors").read_bytes()
    tensors = load(data)
    return tensors["directions"], tensors["thresholds"]
