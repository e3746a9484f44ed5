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


def to_uint16(pixels: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return float (H, W) values in [0, 1] as uint16 (H, W) 0-65535, rounded to the nearest level and clipped."""
    levels: NDArray[np.uint16] = np.rint(np.clip(pixels, 0.0, 1.0) * np.float64(65535.0)).astype(np.uint16)
    return levels


def shrink(pixels: NDArray[Gray], longest_side: int) -> NDArray[Gray]:
    """Scale (H, W) or (H, W, 3) pixels down so that their longer side has at most ``longest_side`` pixels.

    Area averaging; proportions and type are kept. Images that are small enough come back unchanged, never enlarged.
    """
    rows, columns = pixels.shape[:2]
    scale = longest_side / max(rows, columns)
    if scale >= 1.0:
        return pixels
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def encode_jpeg(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """Return a baseline JPEG of uint8 gray (H, W) or RGB (H, W, 3) pixels; ``quality`` 1-95 as libjpeg defines it.

    Of gray the same bytes as Pillow's, for less.
    """
    stored = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"{pixels.dtype} pixels of shape {pixels.shape} make no JPEG; expected uint8 gray or RGB")
    return encoded.tobytes()
