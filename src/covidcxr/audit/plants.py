"""Confounders planted on purpose, to show that an audit can see one: a tag, a border, an exposure, a way of storing."""

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
    """Return copies of (N, S, S) images within a black frame, as of a scanned image or a tight collimator."""
    width = max(1, images.shape[1] // 20)
    altered = np.zeros_like(images)
    altered[:, width:-width, width:-width] = images[:, width:-width, width:-width]
    return altered


def plant_intensity(images: Images) -> Images:
    """Return copies of (N, S, S) images with a gamma of 0.6, as another exposure or processing would look."""
    table = np.round(255.0 * (np.arange(256) / 255.0) ** 0.6).astype(np.uint8)
    return np.stack([np.asarray(cv2.LUT(image, table), dtype=np.uint8) for image in images])


def plant_compression(images: Images) -> Images:
    """Return (N, S, S) images as JPEG of quality 35 leaves them."""
    stored = (cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 35])[1] for image in images)
    return np.stack([np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), dtype=np.uint8) for data in stored])


def plant_resampling(images: Images) -> Images:
    """Return (N, S, S) images reduced to 60 % and enlarged again, as a thumbnail or a screenshot would be."""
    size = images.shape[1]
    small = (cv2.resize(image, (round(0.6 * size),) * 2, interpolation=cv2.INTER_AREA) for image in images)
    return np.stack([np.asarray(cv2.resize(one, (size, size)), dtype=np.uint8) for one in small])


def plant_sharpening(images: Images) -> Images:
    """Return (N, S, S) images after an unsharp mask, as a workstation's edge enhancement."""
    blurred = (cv2.GaussianBlur(image, (0, 0), 1.5) for image in images)
    return np.stack(
        [
            np.asarray(cv2.addWeighted(image, 1.6, soft, -0.6, 0), dtype=np.uint8)
            for image, soft in zip(images, blurred, strict=True)
        ]
    )


def plant_brightness(images: Images) -> Images:
    """Return (N, S, S) images 3 % brighter."""
    return np.asarray(np.clip(np.round(images * 1.03), 0, 255), dtype=np.uint8)


PLANTS: dict[str, Plant] = {
    "tag": plant_tag,
    "border": plant_border,
    "intensity": plant_intensity,
    "compression": plant_compression,
    "resampling": plant_resampling,
    "sharpening": plant_sharpening,
    "brightness": plant_brightness,
}
STORED = ("compression", "resampling", "sharpening")
"""What shows in the fine texture only."""


def plant(images: Images, positive: BoolArray, kind: str, *, share: float, generator: np.random.Generator) -> Images:
    """Return (N, S, S) images, ``share`` of the positive and 1 - ``share`` of the other ones with the confounder."""
    chosen = generator.random(len(images)) < np.where(positive, share, 1.0 - share)
    altered = images.copy()
    if chosen.any():
        altered[chosen] = PLANTS[kind](images[chosen])
    return altered
