"""What compression, resampling and sharpening leave in an image: numbers of its finest texture."""

from __future__ import annotations

import itertools

import cv2
import numpy as np

from covidcxr.audit.context import Images
from covidcxr.metrics.checks import BoolArray, FloatArray

TEXTURE_NAMES = (
    "energy of three bands of fine detail",
    "their ratios",
    "share of flat pixels",
    "peakedness of the finest band",
    "steps at every eighth row and column",
)
_SIGMAS = (0.6, 1.0, 2.0)
_MARGIN = 5  # pixels that a band looks beyond its own
_FLOOR = 0.05  # of a gray value


def texture_features(images: Images, shown: BoolArray) -> FloatArray:
    """Return numbers of the fine texture of (N, S, S) images where ``shown`` (S, S), float64 (N, 9).

    None of them knows brightness or place: they are logarithms of energies, their ratios, and shares.
    """
    inside = cv2.erode(shown.astype(np.uint8), np.ones((2 * _MARGIN + 1,) * 2, dtype=np.uint8)) > 0
    return np.stack([_of_one(image.astype(np.float32), inside if inside.any() else shown) for image in images])


def _of_one(image: np.ndarray[tuple[int, ...], np.dtype[np.float32]], shown: BoolArray) -> FloatArray:
    smoothed = [image, *(np.asarray(cv2.GaussianBlur(image, (0, 0), sigma)) for sigma in _SIGMAS)]
    bands = [(finer - coarser)[shown] for finer, coarser in itertools.pairwise(smoothed)]
    energies = [float(np.log(_FLOOR + band.std())) for band in bands]
    finest = bands[0] / max(float(bands[0].std()), _FLOOR)
    return np.array(
        [
            *energies,
            energies[0] - energies[1],
            energies[1] - energies[2],
            float((np.abs(bands[0]) < 0.5).mean()),
            float(np.log1p((finest**4).mean())),
            *(_steps(image, shown, axis) for axis in (0, 1)),
        ],
        dtype=np.float64,
    )


def _steps(image: np.ndarray[tuple[int, ...], np.dtype[np.float32]], shown: BoolArray, axis: int) -> float:
    """Return how much larger the steps at every eighth row or column are than the others, as a logarithm."""
    steps = np.abs(np.diff(image, axis=axis))
    counted = shown[1:] if axis == 0 else shown[:, 1:]
    sums, numbers = (np.where(counted, values, 0.0).sum(axis=1 - axis) for values in (steps, np.ones_like(steps)))
    at_edge = np.arange(1, image.shape[axis]) % 8 == 0
    means = [sums[edge].sum() / max(numbers[edge].sum(), 1.0) for edge in (at_edge, ~at_edge)]
    return float(np.log((means[0] + _FLOOR) / (means[1] + _FLOOR)))
