"""Letters, arrows and boxes drawn over the lungs: flat, saturated shapes with sharp edges, and what a network sees.

A shape in black or white has one and the same extreme value over its whole area and steps from it within a pixel; bone
and metal shade off. Marks in gray, and in colour, which is lost by then, are left to
`covidcxr.imaging.screening.drawn_marks`.

There are two detectors because a warning may be given sooner than an image is left out of a dataset: the shapes counted
here need no network to be sure of them, only lungs that are known. Of 199 letters, arrows and boxes drawn on real
images the networks of `covidcxr.imaging.screening` report 129 and these shapes 7 more; of 600 images as they are
published, the shapes report none.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from covidcxr.imaging.encoding import to_uint8
from covidcxr.imaging.lungs.segment import LungFields
from covidcxr.imaging.screening.drawn_marks import mark_scores
from covidcxr.imaging.screening.picture_checks import MIN_FLAT_MARK, MIN_MARKS

_SIDE = 512
_WHITE = 0.985
_BLACK = 0.015
_MIN_AREA = 18  # pixels at a longest side of 512
_MAX_SHARE = 0.03  # of the image; larger flat regions are burnt-out image, not marks
_STEP = 0.22  # mean jump from the mark to its surroundings


def describe_marks(pixels: NDArray[np.float32], lungs: LungFields) -> str:
    """Return what seems to be drawn on an image (H, W) in [0, 1], in words; empty if neither way finds anything.

    Raises:
        BundleError: If the weights that ship with covidcxr are missing.
    """
    shapes = drawn_marks(pixels, lungs)
    if shapes:
        return f"{shapes} letters, arrows or boxes over the lungs"
    scores = mark_scores(to_uint8(pixels))
    if scores.marks < MIN_MARKS and scores.flat_mark < MIN_FLAT_MARK:
        return ""
    return f"something drawn over the chest, with probability {max(scores.marks, scores.flat_mark):.2f}"


def drawn_marks(pixels: NDArray[np.float32], lungs: LungFields) -> int:
    """Return how many drawn marks touch the lungs of an image (H, W) in [0, 1]; 0 where no lungs were found."""
    if not lungs.found:
        return 0
    scale = _SIDE / max(pixels.shape)
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    how = cv2.INTER_NEAREST if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(pixels, size, interpolation=how), np.float32)
    inside = cv2.resize(lungs.both.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(bool)
    extremes: tuple[NDArray[np.bool_], ...] = (small >= _WHITE, small <= _BLACK)
    return sum(_count(small, inside, extreme) for extreme in extremes)


def _count(small: NDArray[np.float32], inside: NDArray[np.bool_], extreme: NDArray[np.bool_]) -> int:
    if not (extreme & inside).any():  # most images: their parts, costly to find, need not be looked for
        return 0
    if extreme.mean() > 0.25:  # burnt out or clipped: nothing can be told from flatness
        return 0
    count, parts, statistics, _ = cv2.connectedComponentsWithStats(extreme.astype(np.uint8), connectivity=8)
    found = 0
    for part in range(1, count):
        area = int(statistics[part, cv2.CC_STAT_AREA])
        if not _MIN_AREA <= area <= _MAX_SHARE * small.size:
            continue
        x, y, width, height = (int(value) for value in statistics[part, :4])
        window = (slice(max(0, y - 3), y + height + 3), slice(max(0, x - 3), x + width + 3))
        mask = parts[window] == part
        if not (mask & inside[window]).any():
            continue
        ring = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & ~mask
        near = small[window]
        if ring.any() and abs(float(near[mask].mean()) - float(near[ring].mean())) > _STEP:
            found += 1
    return found
