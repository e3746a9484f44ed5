"""Gray pixels to smaller gray pixels and to JPEG bytes: what a compiled dataset stores."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = TypeVar("Gray", np.uint8, np.float32)


def to_uint8(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return float (H, W) values in [0, 1] as uint8 (H, W) 0-255, rounded to the nearest level and clipped."""
    levels: NDArray[np.uint8] = np.rint(np.clip(pixels, 0.0, 1.0) * 255.0).astype(np.uint8)
    return levels


def shrink(pixels: NDArray[Gray], longest_side: int) -> NDArray[Gray]:
    """Scale (H, W) pixels down so that their longer side has at most ``longest_side`` pixels, keeping the shape.

    Area averaging; the type is kept. Images that are small enough come back unchanged, never enlarged.
    """
    rows, columns = pixels.shape
    scale = longest_side / max(rows, columns)
    if scale >= 1.0:
        return pixels
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def encode_jpeg(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """Return a baseline gray JPEG of uint8 (H, W) pixels; ``quality`` 1-95 as libjpeg defines it.

    The same bytes as Pillow's, for less.
    """
    done, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"{pixels.dtype} pixels of shape {pixels.shape} make no JPEG; expected uint8 (H, W)")
    return encoded.tobytes()
