"""Flat shapes with sharp edges over the chest: what drawn marks are, and bone, metal and wires mostly are not.

The second look at an image on which the marks network is in doubt. What the network is sure of counts only where it
lies on a shape that is white or black throughout and ends within a pixel, and that lies over the lungs or close to
them: technologists' arrows and letters below the diaphragm or over the shoulder do not. Lengths and areas are those
of a image scaled down to 512 pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from covidcxr.imaging.encoding import shrink
from covidcxr.imaging.lungs.segment import MIN_SIDE, segment_lungs

_SIDE = 512
_WHITE, _BLACK = 245, 12
_MIN_AREA = 10
_MAX_SHARE = 0.03  # of the image; larger flat regions are burnt-out image, not marks
_MIN_SURE = 0.5  # of the network, in the surest cell that the shape touches
_STEP = 75  # mean gray levels between the shape and the two pixels around it
_FIRST_STEP = 30  # median levels between the shape and the first of them
_MARGIN = 0.05  # how far from the lungs' hull, in sides of a square as large as their box
_AROUND = np.ones((5, 5), np.uint8)
_NEXT = np.ones((3, 3), np.uint8)
Point = tuple[float, float]


def flat_mark_score(pixels: NDArray[np.uint8], cells: NDArray[np.float32]) -> float:
    """Return how sure the network is of the flat, sharp-edged shape over the chest that it is surest of; 0 without one.

    Args:
        pixels: Gray (H, W).
        cells: float32 (h, w), the probabilities that `covidcxr.imaging.screening.drawn_marks.mark_map` returns.
    """
    small = shrink(pixels, _SIDE)
    if min(small.shape) < MIN_SIDE:
        return 0.0
    rows, columns = small.shape
    sure = np.asarray(cv2.resize(cells, (columns, rows), interpolation=cv2.INTER_NEAREST), np.float32)
    extremes = (small >= _WHITE).astype(np.uint8), (small <= _BLACK).astype(np.uint8)
    shapes = [shape for extreme in extremes for shape in _flat_shapes(small, extreme, sure)]
    if not shapes:
        return 0.0
    chest = _chest(small)
    return max((score for score, centre in shapes if chest is None or _distance(chest, centre) <= _MARGIN), default=0.0)


def _flat_shapes(
    small: NDArray[np.uint8], extreme: NDArray[np.uint8], sure: NDArray[np.float32]
) -> Iterator[tuple[float, Point]]:
    """Yield (how sure, centre (x, y)) of every shape of the mask ``extreme`` (H, W) that the network is sure of."""
    rows, columns = small.shape
    _, parts, statistics, centres = cv2.connectedComponentsWithStats(extreme, connectivity=8)
    for part in np.unique(parts[sure >= _MIN_SURE]):
        x, y, width, height, area = (int(value) for value in statistics[part])
        touches = min(x, y) <= 1 or x + width >= columns - 1 or y + height >= rows - 1
        if part == 0 or touches or not _MIN_AREA <= area <= _MAX_SHARE * small.size:
            continue
        window = slice(max(0, y - 4), y + height + 4), slice(max(0, x - 4), x + width + 4)
        mask = parts[window] == part
        if _stands_out(small[window], mask):
            yield float(sure[window][mask].max()), (float(centres[part, 0]), float(centres[part, 1]))


def _stands_out(near: NDArray[np.uint8], mask: NDArray[np.bool_]) -> bool:
    around, first = (cv2.dilate(mask.astype(np.uint8), kernel).astype(bool) & ~mask for kernel in (_AROUND, _NEXT))
    level = float(near[mask].mean())
    return (
        abs(level - float(near[around].mean())) >= _STEP and abs(level - float(np.median(near[first]))) >= _FIRST_STEP
    )


def _chest(small: NDArray[np.uint8]) -> tuple[NDArray[np.int32], float] | None:
    """Return the hull of both lungs, (N, 1, 2), and the side of a square as large as their box; None if not found."""
    lungs = segment_lungs(small)
    if lungs.box is None:
        return None
    hull = cv2.convexHull(cv2.findNonZero(lungs.both.astype(np.uint8)))
    return np.asarray(hull, np.int32), float(np.sqrt(lungs.box[2] * lungs.box[3]))


def _distance(chest: tuple[NDArray[np.int32], float], centre: Point) -> float:
    """Return how far ``centre`` lies outside the hull, in sides of that square; negative inside."""
    hull, side = chest
    return -cv2.pointPolygonTest(hull, centre, True) / side
