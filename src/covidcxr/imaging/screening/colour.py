"""Coloured marks on a gray image: arrows, boxes and circles that lose what makes them stand out when gray is taken."""

from __future__ import annotations

import cv2
import numpy as np

from covidcxr.imaging.formats import HEAD_BYTES, sniff
from covidcxr.imaging.raster import RASTER_FORMATS, decode_colour

_SIDE = 256  # pixels; a JPEG is decoded at a fraction of its size that has at least as many
_FRAME = 0.05  # of each side left out, where screenshots have a coloured border
_SPREAD = 60  # levels between a pixel's strongest and weakest channel
_MAX_SHARE = 0.05  # an image with more is tinted as a whole, or photographed


def colour_score(data: bytes) -> float:
    """Return how many in a thousand pixels of an image file are coloured.

    0 for an image that is stored in gray or tinted as a whole, for DICOM and NIfTI, and where colours cannot be read.
    """
    file_format = sniff(data[:HEAD_BYTES])
    if file_format is None or file_format not in RASTER_FORMATS:
        return 0.0
    pixels = decode_colour(data, file_format, side=_SIDE)
    if pixels is None:
        return 0.0
    rows, columns = pixels.shape[:2]
    top, left = int(rows * _FRAME), int(columns * _FRAME)
    red, green, blue = cv2.split(np.ascontiguousarray(pixels[top : rows - top, left : columns - left]))
    spread = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    share = float(np.count_nonzero(np.asarray(spread) > _SPREAD)) / red.size
    return 1000 * share if share <= _MAX_SHARE else 0.0
