"""The part of an image that a network sees where a recipe asks for the lungs: the box around both, with a margin.

An image without plausible lung fields is seen whole; nothing is ever cut on a guess. The fields are those of
`covidcxr.imaging.lungs.segment`.
"""

from __future__ import annotations

from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from covidcxr.imaging.lungs.segment import Box, LungFields, segment_lungs

Film = TypeVar("Film", bound=NDArray[np.uint8] | NDArray[np.float32])

MARGIN = 0.06  # of the box's own width and height, on each side


def lung_region(fields: LungFields) -> Box:
    """Return (x, y, width, height) in pixels of the box around both lungs, widened by a margin within the image."""
    rows, columns = fields.right.shape
    if fields.box is None:
        return 0, 0, columns, rows
    x, y, width, height = fields.box
    left, top = max(0, round(x - MARGIN * width)), max(0, round(y - MARGIN * height))
    right = min(columns, round(x + (1 + MARGIN) * width))
    bottom = min(rows, round(y + (1 + MARGIN) * height))
    return left, top, right - left, bottom - top


def cut_to_lungs(pixels: Film, lungs: LungFields | None = None) -> Film:
    """Return the lung region of (H, W) pixels, as a view; ``lungs`` are its lung fields, if they are known.

    Raises:
        ImageReadError, BundleError: As `covidcxr.imaging.lungs.segment.segment_lungs`.
    """
    x, y, width, height = lung_region(lungs or segment_lungs(pixels))
    return cast("Film", pixels[y : y + height, x : x + width])
