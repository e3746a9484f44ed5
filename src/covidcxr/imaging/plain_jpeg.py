"""The short way for ordinary JPEG files: eight bits, gray or JFIF colour, whole, and without an EXIF orientation.

libjpeg-turbo decodes them to their luma, and to Pillow's pixels, at two thirds of the cost of a small image. What is
not plain, or damaged, is left to `covidcxr.imaging.reading`, which tells what is wrong with it.
Markers are those of ITU-T T.81, table B.1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.block_shift import shift_notes
from covidcxr.imaging.decoded import MAX_PIXELS, Decoded
from covidcxr.imaging.formats import HEAD_BYTES, FileFormat, sniff
from covidcxr.imaging.reading import read_gray8
from covidcxr.imaging.strict_jpeg import decode_strictly

_START, _END = b"\xff\xd8", b"\xff\xd9"
_FRAMES = (0xC0, 0xC2)  # baseline and progressive
_TABLES = (0xC4, 0xDB, 0xDD, 0xFE)  # Huffman and quantisation tables, restart interval, comment
_JFIF, _SCAN = 0xE0, 0xDA


def read_plain_first(data: bytes, *, origin: str) -> Decoded:
    """Return what `covidcxr.imaging.reading.read_gray8` does, by the short way where it can be taken.

    Raises:
        ImageReadError: As `read_gray8`.
    """
    pixels = decode_plain_jpeg(data, max_pixels=MAX_PIXELS)
    return read_gray8(data, origin=origin) if pixels is None else Decoded(pixels=pixels, warnings=shift_notes(pixels))


def decode_plain_jpeg(data: bytes, *, max_pixels: int) -> NDArray[np.uint8] | None:
    """Return the luma of a whole file as uint8 (H, W); None if it is not plain."""
    if sniff(data[:HEAD_BYTES]) is not FileFormat.JPEG or not _is_plain(data, max_pixels):
        return None
    try:
        return decode_strictly(data, origin="")
    except ImageReadError:  # the long way tells what is wrong with it
        return None


def _is_plain(data: bytes, max_pixels: int) -> bool:
    """Return whether nothing in the header is unusual, up to the first scan, and the file does not end early."""
    if not (data.startswith(_START) and data.endswith(_END)):
        return False
    place, components, jfif = 2, 0, False
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == _SCAN:
            return components == 1 or (components == 3 and jfif)
        if marker in _FRAMES and length >= 8 and not components:
            bits, rows, columns, components = _frame(data[place + 4 : place + 10])
            if bits != 8 or not 0 < rows * columns <= max_pixels:
                return False
        elif marker == _JFIF and data[place + 4 : place + 9] == b"JFIF\0":
            jfif = True
        elif marker not in _TABLES or length < 2:
            return False
        place += 2 + length
    return False


def _frame(header: bytes) -> tuple[int, int, int, int]:
    """Return sample precision, rows, columns and components (T.81, B.2.2)."""
    padded = header.ljust(6, b"\0")
    return padded[0], int.from_bytes(padded[1:3], "big"), int.from_bytes(padded[3:5], "big"), padded[5]
