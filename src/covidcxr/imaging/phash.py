"""A 64-bit perceptual hash: two copies of one film differ in a few bits, two films in about half of them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 32
_FREQUENCIES = 8


def perceptual_hash(pixels: NDArray[np.uint8] | NDArray[np.float32]) -> str:
    """Return the DCT hash of (H, W) pixels as 16 hexadecimal digits.

    The image is averaged to 32 x 32, and each of its 8 x 8 lowest cosine frequencies is compared with their median
    (C. Zauner, Implementation and benchmarking of perceptual image hash functions, 2010, section 3.2.1). Brightness
    and contrast do not change it, nor, much, size and JPEG quality.
    """
    small = cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:_FREQUENCIES, :_FREQUENCIES]
    bits = (low > np.median(low)).ravel()
    return np.packbits(bits).tobytes().hex()


def hamming(first: str, second: str) -> int:
    """Return how many of the 64 bits of two perceptual hashes differ."""
    return (int(first, 16) ^ int(second, 16)).bit_count()
