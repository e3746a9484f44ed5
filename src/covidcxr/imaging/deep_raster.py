"""Raster images of more than eight bits to gray values in [0, 1]."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.decoder_noise import caught_noise
from covidcxr.imaging.value_range import Integers, luma_in_steps, unstated_range

_TIFF_PHOTOMETRIC, _TIFF_SAMPLE_FORMAT = 262, 339
_TIFF_WHITE_IS_ZERO = 0
_TIFF_SIGNED = 2
_OPAQUE = 65535


def deep_gray(image: ImageFile.ImageFile, bits: int, origin: str) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return a gray image of more than eight bits as float32 (H, W) in [0, 1], and what was noticed."""
    values = np.asarray(image)
    tags = getattr(image, "tag_v2", {})
    notes: tuple[str, ...] = ()
    if image.mode == "F":
        if not np.isfinite(values).all() or values.min() < 0.0 or values.max() > 1.0:
            raise ImageReadError(
                f"{origin}: float pixels outside [0, 1], whose black and white are not stated; save it as 8 or 16 bit",
                reason="unsupported",
            )
        unit = values.astype(np.float32)
    else:
        is_signed = tags.get(_TIFF_SAMPLE_FORMAT, (1,))[0] == _TIFF_SIGNED
        if image.mode == "I" and not is_signed:
            values = values.view(np.uint32)  # Pillow has one mode for both kinds of 32 bits
        shown = unstated_range(values, bits=bits, is_signed=is_signed)
        unit, notes = shown.apply(values), (shown.note,) if shown.note else ()
    # Pillow inverts 8-bit WhiteIsZero TIFFs on its own, but not deeper ones (TIFF 6.0, PhotometricInterpretation).
    return (1.0 - unit if tags.get(_TIFF_PHOTOMETRIC) == _TIFF_WHITE_IS_ZERO else unit), notes


def deep_colour(data: bytes, origin: str) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return 16-bit colour, with or without alpha, as float32 luma (H, W) in [0, 1]; Pillow keeps only eight bits."""
    with caught_noise():  # Pillow has decoded it before, and has told what is wrong with it
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16:
        raise ImageReadError(
            f"{origin}: 16-bit colour that could not be decoded; save it as 8 or 16 bit gray", reason="undecodable"
        )
    colours = cast("Integers", values if values.ndim == 2 else values[..., :3])
    shown = unstated_range(colours, bits=16, is_signed=False)
    notes: tuple[str, ...] = (shown.note,) if shown.note else ()
    if values.ndim == 2:
        return shown.apply(colours), notes
    luma = luma_in_steps(colours, shown, np.array([0.114, 0.587, 0.299], np.float32))  # OpenCV stores blue first
    if values.shape[2] == 4 and values[..., 3].min() < _OPAQUE:
        luma *= values[..., 3]
        luma /= np.float32(_OPAQUE)
        notes += ("transparent parts shown over black",)
    return luma, notes
