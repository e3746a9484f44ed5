"""Fabricated images: smooth anatomy shared by all, and fine structure of their own, as radiographs have."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 256


def film(seed: int) -> NDArray[np.uint8]:
    """Return a uint8 (256, 256) image: two dark lungs and ribs at the same place in each, texture by ``seed``."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    body = 0.75 - 0.15 * rows
    for centre in (0.3, 0.7):
        body -= 0.4 * np.exp(-(((columns - centre) / 0.13) ** 2) - ((rows - 0.45) / 0.28) ** 2)
    body += 0.06 * np.sin(2 * np.pi * 9 * (rows - 0.25 * np.abs(columns - 0.5)))
    for scale in (3, 8, 20):
        noise = cv2.GaussianBlur(rng.normal(size=(SIDE, SIDE)), (0, 0), scale)
        body += 0.045 * noise / noise.std()
    return np.rint(255 * np.clip(body, 0, 1)).astype(np.uint8)
