"""Confounders planted on purpose, to show that an audit can see one: a tag, a border, an exposure."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from covidcxr.audit.context import Images
from covidcxr.metrics.checks import BoolArray

Plant = Callable[[Images], Images]


def plant_tag(images: Images) -> Images:
    """Return copies of (N, S, S) images with a bright letter in the upper left corner, as a side marker."""
    size = images.shape[1]
    altered = images.copy()
    height, width, stroke = max(4, size // 10), max(3, size // 14), max(1, size // 40)
    top = left = max(1, size // 20)
    altered[:, top : top + height, left : left + stroke] = 255
    altered[:, top + height - stroke : top + height, left : left + width] = 255
    return altered


def plant_border(images: Images) -> Images:
    """Return copies of (N, S, S) images within a black frame, as of a scanned film or a tight collimator."""
    width = max(1, images.shape[1] // 20)
    altered = np.zeros_like(images)
    altered[:, width:-width, width:-width] = images[:, width:-width, width:-width]
    return altered


def plant_intensity(images: Images) -> Images:
    """Return copies of (N, S, S) images with a gamma of 0.6, as another exposure or processing would look."""
    table = np.round(255.0 * (np.arange(256) / 255.0) ** 0.6).astype(np.uint8)
    return np.stack([np.asarray(cv2.LUT(image, table), dtype=np.uint8) for image in images])


PLANTS: dict[str, Plant] = {"tag": plant_tag, "border": plant_border, "intensity": plant_intensity}


def plant(images: Images, positive: BoolArray, kind: str, *, share: float, generator: np.random.Generator) -> Images:
    """Return (N, S, S) images, ``share`` of the positive and 1 - ``share`` of the other ones with the confounder."""
    chosen = generator.random(len(images)) < np.where(positive, share, 1.0 - share)
    altered = images.copy()
    if chosen.any():
        altered[chosen] = PLANTS[kind](images[chosen])
    return altered
