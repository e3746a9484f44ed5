"""A 64-bit perceptual hash: two duplicates of one image differ in a few bits, two images in about half of them."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = TypeVar("Gray", NDArray[np.uint8], NDArray[np.float32])

_SIDE = 32
_FREQUENCIES = 8


def perceptual_hash(pixels: Gray) -> str:
    """Return the DCT hash of (H, W) pixels as 16 hexadecimal digits.

    The image is averaged to 32 x 32, and each of its 8 x 8 lowest cosine frequencies is compared with their median
    (C. Zauner, Implementation and benchmarking of perceptual image hash functions, 2010, section 3.2.1). Brightness
    and contrast do not change it, nor, much, size and JPEG quality.
    """
    small = cv2.resize(halved(pixels, 4 * _SIDE), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:_FREQUENCIES, :_FREQUENCIES]
    values = low.ravel()
    middle = np.sort(values)[values.size // 2 - 1 : values.size // 2 + 1].mean()  # np.median, a tenth of its time
    return np.packbits(values > middle).tobytes().hex()


def halved(pixels: Gray, least: int) -> Gray:
    """Average 2 x 2 blocks of (H, W) pixels for as long as both sides keep ``least`` pixels; the type is kept.

    Eight times as fast as one step of area averaging by an odd factor. Of an odd side the last line is dropped.
    """
    while min(pixels.shape) >= 2 * least:
        rows, columns = pixels.shape[0] // 2, pixels.shape[1] // 2
        even = pixels[: 2 * rows, : 2 * columns]
        pixels = cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return pixels
