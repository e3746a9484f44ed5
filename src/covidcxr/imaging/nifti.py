"""A two-dimensional NIfTI-1 image (.nii, .nii.gz) to gray pixels; a volume is refused.

The header is 348 bytes and read here without a library (R. Cox et al., nifti1.h, 2004). NIfTI states no photometry:
black and white are ``cal_min`` and ``cal_max`` if set, else [0, 1] of floats, and of integers what
`covidcxr.imaging.value_range` says.
"""

from __future__ import annotations

import struct
import zlib
from typing import cast

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.decoded import MAX_PIXELS, MAX_SPACING_MM, Decoded, check_size
from covidcxr.imaging.memory import check_cost
from covidcxr.imaging.value_range import Integers, scale_to_unit, unstated_range

_HEADER_BYTES = 348
_MAX_OFFSET = 1 << 24
# nifti1.h, DT_* codes
_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}


def decode_nifti(data: bytes, *, origin: str, max_pixels: int = MAX_PIXELS) -> Decoded:
    """Decode a NIfTI-1 file that holds one (x, y) image.

    Columns come out from the patient's right to left and rows from top to bottom where the header gives an
    orientation; without one, x runs to the right and y upwards.

    Raises:
        ImageReadError: If it is truncated, a volume, or its black and white are not stated.
        ImageTooLargeError: If it announces more than ``max_pixels``.
    """
    is_packed = data.startswith(b"\x1f\x8b")
    packed, data = data, _inflate_head(data, origin) if is_packed else data
    if len(data) < _HEADER_BYTES:
        raise ImageReadError(f"{origin}: a NIfTI file that ends in its header; get it again", reason="truncated")
    order = "<" if struct.unpack_from("<i", data)[0] == _HEADER_BYTES else ">"
    if data[344:348] != b"n+1\0":
        raise ImageReadError(
            f"{origin}: a NIfTI header without its pixels; expected one file (.nii)", reason="no-pixels"
        )
    dimensions = struct.unpack_from(f"{order}8h", data, 40)
    width, height = _plane(dimensions, origin)
    check_size(height, width, origin=origin, max_pixels=max_pixels)
    code = struct.unpack_from(f"{order}h", data, 70)[0]
    if code not in _TYPES:
        raise ImageReadError(
            f"{origin}: NIfTI data type {code}; expected gray integers or floats", reason="unsupported"
        )
    kind = np.dtype(f"{order}{_TYPES[code]}")
    offset = struct.unpack_from(f"{order}f", data, 108)[0]
    check_cost(len(packed) + width * height * (kind.itemsize + 8), origin)
    if is_packed:
        most_bytes = (int(offset) if 0 <= offset < _MAX_OFFSET else _MAX_OFFSET) + width * height * kind.itemsize
        data = _inflate(packed, most_bytes, origin)
    if not _HEADER_BYTES <= offset <= len(data) or len(data) - int(offset) < width * height * kind.itemsize:
        raise ImageReadError(f"{origin}: a NIfTI file that ends before its pixels do; get it again", reason="truncated")
    stored = np.frombuffer(data, kind, count=width * height, offset=int(offset)).reshape(height, width)
    pixels, notes = _to_unit(stored, data, order, origin)
    bits = 8 if kind.itemsize == 1 else 16
    zooms = struct.unpack_from(f"{order}8f", data, 76)
    spacing = (float(zooms[2]), float(zooms[1])) if all(0.0 < zoom < MAX_SPACING_MM for zoom in zooms[1:3]) else None
    return Decoded(pixels=_upright(pixels, data, order), bits_stored=bits, spacing_mm=spacing, warnings=notes)


def _plane(dimensions: tuple[int, ...], origin: str) -> tuple[int, int]:
    count, sides = dimensions[0], dimensions[1:]
    if not 2 <= count <= 7:
        raise ImageReadError(f"{origin}: a NIfTI image of {count} dimensions; expected 2", reason="undecodable")
    if any(side > 1 for side in sides[2:count]):
        shape = " x ".join(map(str, sides[:count]))
        raise ImageReadError(f"{origin}: a NIfTI volume ({shape}); expected one radiograph", reason="multi-frame")
    return sides[0], sides[1]


def _to_unit(
    stored: NDArray[np.number], data: bytes, order: str, origin: str
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return (H, W) in [0, 1], and what was assumed."""
    slope, intercept = struct.unpack_from(f"{order}2f", data, 112)
    white, black = struct.unpack_from(f"{order}2f", data, 124)  # cal_max, cal_min
    if slope == 0.0:  # nifti1.h: then there is no scaling
        slope, intercept = 1.0, 0.0
    if not np.isfinite((slope, intercept, black, white)).all():
        raise ImageReadError(
            f"{origin}: a NIfTI header whose scl_slope, scl_inter, cal_min or cal_max is not finite; get it again",
            reason="not-finite",
        )
    if stored.dtype.kind == "f" and not np.isfinite((stored.min(), stored.max())).all():
        raise ImageReadError(f"{origin}: NIfTI pixels that are not finite; get it again", reason="not-finite")
    if white > black:
        # In stored values, so that no array of scaled ones is needed.
        shown = (black - intercept) / slope, (white - intercept) / slope
        notes: tuple[str, ...] = ()
    elif stored.dtype.kind != "f":
        bits = 8 * stored.dtype.itemsize
        found = unstated_range(cast("Integers", stored), bits=bits, is_signed=stored.dtype.kind == "i")
        shown = (found.black, found.white) if slope > 0 else (found.white, found.black)
        notes = (found.note,) if found.note else ()
    else:
        low, high = sorted(float(end) * slope + intercept for end in (stored.min(), stored.max()))
        if low < 0.0 or high > 1.0:
            raise ImageReadError(
                f"{origin}: NIfTI values from {low:g} to {high:g} without cal_min and cal_max, so black and "
                "white are not stated; set them, or save it as 8 or 16 bit",
                reason="unsupported",
            )
        shown, notes = (-intercept / slope, (1.0 - intercept) / slope), ()
    return scale_to_unit(stored, *shown), notes


def _upright(pixels: NDArray[np.float32], data: bytes, order: str) -> NDArray[np.float32]:
    """Put the patient's right on the left and the head on top, as the sform says (RAS+ axes)."""
    to_right, to_top = -1.0, 1.0
    if struct.unpack_from(f"{order}h", data, 254)[0] > 0:  # sform_code
        rows = np.array(struct.unpack_from(f"{order}12f", data, 280)).reshape(3, 4)
        to_right = rows[0, 0] or to_right
        to_top = rows[2, 1] or rows[1, 1] or to_top
    pixels = pixels[:, ::-1] if to_right > 0 else pixels
    pixels = pixels[::-1] if to_top > 0 else pixels
    return np.ascontiguousarray(pixels)


def _inflate_head(data: bytes, origin: str) -> bytes:
    """Return the header of a compressed file."""
    try:
        return zlib.decompressobj(wbits=31).decompress(data, _HEADER_BYTES)
    except zlib.error as error:
        raise ImageReadError(f"{origin}: a damaged .nii.gz ({error}); get it again", reason="undecodable") from error


def _inflate(data: bytes, most_bytes: int, origin: str) -> bytes:
    """Return what a compressed file holds, at most ``most_bytes``."""
    inflater = zlib.decompressobj(wbits=31)
    try:
        plain = inflater.decompress(data, most_bytes)
        if inflater.unconsumed_tail:
            inflater.decompress(inflater.unconsumed_tail, _HEADER_BYTES)
    except zlib.error as error:
        raise ImageReadError(f"{origin}: a damaged .nii.gz ({error}); get it again", reason="undecodable") from error
    if not inflater.eof and len(plain) < most_bytes:
        raise ImageReadError(f"{origin}: a .nii.gz that ends early; get it again", reason="truncated")
    return plain
