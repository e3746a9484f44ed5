"""A radiograph to a network's input, in one fixed order: region, crop, squeeze, intensity, mean and deviation.

The one `PreprocessSpec` says all of it, for training, prediction and export alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import ImageReadError
from covidcxr.core.types import Intensity, PreprocessSpec, Radiograph, Region
from covidcxr.imaging.encoding import to_uint8

if TYPE_CHECKING:
    from covidcxr.imaging.lungs.segment import LungFields

Film = TypeVar("Film", bound=NDArray[np.uint8] | NDArray[np.float32])

_STANDARD_MEAN, _STANDARD_DEVIATION = 0.5, 0.25  # of PreprocessSpec.intensity "standardize"
_CLAHE_CLIP, _CLAHE_TILES = 2.0, (8, 8)  # S. Pizer et al. 1987; OpenCV's customary clip limit and grid
_FLAT = 1e-6
_ROUNDING = 1e-4  # by which resampled pixels may leave [0, 1]


def check_pixels(pixels: NDArray[np.float32], origin: str) -> None:
    """Refuse pixels that somebody else made and that are no image: `covidcxr.imaging.read` gives none of these.

    Raises:
        ImageReadError: ``shape``, ``zero-size``, ``not-finite`` or ``range``, unless they are floats (H, W) in [0, 1].
    """
    if pixels.ndim != 2:
        raise ImageReadError(f"{origin}: an array of shape {pixels.shape}; expected gray pixels (H, W)", reason="shape")
    check_values(pixels, 0.0, 1.0, origin)


def check_values(values: NDArray[np.float32], low: float, high: float, origin: str) -> None:
    """Refuse values that are not floats from ``low`` to ``high``.

    Raises:
        ImageReadError: ``zero-size``, ``not-finite`` or ``range``.
    """
    if values.size == 0:
        raise ImageReadError(f"{origin}: an array of shape {values.shape}, without a pixel", reason="zero-size")
    found = float(values.min()), float(values.max())
    if not np.isfinite(found).all():
        raise ImageReadError(f"{origin}: pixels that are not finite; expected gray values", reason="not-finite")
    margin = _ROUNDING * (high - low)
    if values.dtype.kind != "f" or found[0] < low - margin or found[1] > high + margin:
        raise ImageReadError(
            f"{origin}: {values.dtype} values from {found[0]:g} to {found[1]:g}; expected float32 from {low:g} to "
            f"{high:g}",
            reason="range",
        )


def preprocess(radiograph: Radiograph, spec: PreprocessSpec) -> NDArray[np.float32]:
    """Return the float32 (C, S, S) input that ``spec`` makes of one radiograph."""
    return finish(squeeze(part_of(radiograph.pixels, spec.region), spec.size, spec.crop), spec)


def part_of(pixels: Film, region: Region, lungs: LungFields | None = None) -> Film:
    """Return the part of (H, W) pixels that a network sees, as a view; ``lungs`` are its lung fields, if known.

    Raises:
        ImageReadError, BundleError: As `covidcxr.imaging.lungs.segment.segment_lungs`, where the region is ``lungs``.
    """
    if region == "film":
        return pixels
    from covidcxr.imaging.lungs.region import cut_to_lungs

    return cut_to_lungs(pixels, lungs)


def finish(squeezed: NDArray[np.float32], spec: PreprocessSpec) -> NDArray[np.float32]:
    """Apply the part of ``spec`` that follows squeezing to float32 (S, S) in [0, 1]; returns float32 (C, S, S)."""
    values = (standard_intensity(squeezed, spec.intensity) - np.float32(spec.mean)) / np.float32(spec.std)
    return np.repeat(values[np.newaxis], spec.channels, axis=0)


def squeeze(pixels: NDArray[np.float32] | NDArray[np.uint8], size: int, crop: float = 1.0) -> NDArray[np.float32]:
    """Cut the middle out of (H, W) pixels and squeeze it to a square, whatever its shape was.

    Args:
        pixels: uint8 0-255 or float32 [0, 1].
        size: Side of the square.
        crop: Share of the rows and of the columns kept around the centre; 1.0 keeps all.

    Returns:
        float32 (size, size) in [0, 1]; area averaging along a side that shrinks, linear along one that grows.
    """
    kept = _centre(pixels, crop)
    values = (
        kept.astype(np.float32) * np.float32(1 / 255) if kept.dtype == np.uint8 else kept.astype(np.float32, copy=False)
    )
    rows, columns = values.shape
    smaller = min(rows, size), min(columns, size)
    if smaller != (rows, columns):
        values = np.asarray(cv2.resize(values, smaller[::-1], interpolation=cv2.INTER_AREA), np.float32)
    if values.shape != (size, size):
        values = np.asarray(cv2.resize(values, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)
    return _unit(values)


def standard_intensity(pixels: NDArray[np.float32], mode: Intensity) -> NDArray[np.float32]:
    """Bring float32 (H, W) pixels in [0, 1] to a common look; `PreprocessSpec.intensity` says what each mode does.

    The two histogram modes work on 256 levels. An image of one single value becomes 0.5 under ``standardize``.
    """
    if mode == "none":
        return pixels
    if mode == "standardize":
        deviation = float(pixels.std())
        if deviation < _FLAT:
            return np.full_like(pixels, _STANDARD_MEAN)
        scaled = (pixels - pixels.mean()) * np.float32(_STANDARD_DEVIATION / deviation) + np.float32(_STANDARD_MEAN)
        return _unit(scaled)
    levels = to_uint8(pixels)
    if mode == "equalize":
        changed = cv2.equalizeHist(levels)
    else:
        changed = cv2.createCLAHE(clipLimit=_CLAHE_CLIP, tileGridSize=_CLAHE_TILES).apply(levels)
    return changed.astype(np.float32) * np.float32(1 / 255)


def _unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.minimum(np.maximum(values, np.float32(0)), np.float32(1))


def _centre(pixels: NDArray[np.float32] | NDArray[np.uint8], crop: float) -> NDArray[np.float32] | NDArray[np.uint8]:
    rows, columns = pixels.shape
    kept_rows, kept_columns = max(1, round(rows * crop)), max(1, round(columns * crop))
    top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
    return pixels[top : top + kept_rows, left : left + kept_columns]
