"""The kind of a picture: a frontal chest radiograph, a lateral one, CT, no radiograph, a negative, a collage.

A linear classifier on gradients and gray values of a 64 x 64 copy; it takes less than a millisecond and no network.
Its weights ship beside this file; ``python -m benchmarks.picture_view`` fits and measures them. What follows from the
answer (leave the image out, decline to judge it) is left to the callers. `covidcxr.imaging.gate.kinds` says why the
input gate has a classifier of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load
from scipy.special import softmax

from covidcxr.core.errors import BundleError

KINDS = ("frontal", "lateral", "other_modality", "other_picture", "inverted", "collage")
MIN_FRONTAL = 0.85  # below this probability a picture is not taken for a frontal image
_WEIGHTS = "view.safetensors"
_SIDE = 64
_COARSE = 16
_CELL = 8
_DIRECTIONS = 9
_CELLS = _SIDE // _CELL
_CLIP = 0.3  # of a block's normalised gradient energy in one bin


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureView:
    """Probabilities of the kinds of picture; they add up to 1.

    Attributes:
        frontal: A frontal chest radiograph, bone bright.
        lateral: A lateral chest radiograph.
        other_modality: A CT slice, axial or coronal, or the like.
        other_picture: No radiograph: a photograph, a page, a chart, noise.
        inverted: A frontal chest radiograph with bone dark.
        collage: Two, three or four images side by side or one above the other.
    """

    frontal: float
    lateral: float
    other_modality: float
    other_picture: float
    inverted: float
    collage: float


def picture_view(pixels: NDArray[np.uint8]) -> PictureView:
    """Return what kind of picture gray (H, W) pixels show.

    Raises:
        BundleError: If the weights that ship with covidcxr are missing.
    """
    matrix, bias = _weights()
    logits = (view_features(pixels) @ matrix + bias).astype(np.float64)
    return PictureView(**dict(zip(KINDS, softmax(logits).tolist(), strict=True)))


def view_features(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return float32 (2166,) features of gray (H, W) pixels, squeezed to a square.

    Histograms of oriented gradients (Dalal & Triggs, CVPR 2005) in 7 x 7 overlapping blocks, the image at 16 x 16, how
    far its halves differ, its gray histogram, and how well it agrees with its mirror image and upside down.
    """
    small = _squeezed(pixels, _SIDE)
    coarse = _squeezed(small, _COARSE).astype(np.float32)
    coarse = (coarse - coarse.mean()) / (coarse.std() + np.float32(8))
    histogram = np.bincount(small.ravel() >> 4, minlength=16) / small.size
    parts = (
        _gradients(small).ravel(),
        0.35 * coarse.ravel(),
        0.35 * np.abs(coarse - coarse[:, ::-1])[:, : _COARSE // 2].ravel(),
        2.0 * np.sqrt(histogram),
        3.0 * np.array([(coarse * coarse[:, ::-1]).mean(), (coarse * coarse[::-1]).mean()]),
    )
    return np.concatenate(parts).astype(np.float32)


def _squeezed(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    shrinks = min(pixels.shape) >= side
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (side, side), interpolation=way), np.uint8)


def _gradients(small: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return float64 (7, 7, 36) histograms of oriented gradients of a (64, 64) image.

    Not skimage's ``hog``, which gives each gradient to one direction where this divides it between the two nearest: on
    100 images the features correlate by 0.81 only, so the shipped weights do not fit it, and it takes four times as
    long (0.8 ms).
    """
    values = small.astype(np.float32)
    across, down = (cv2.Sobel(values, cv2.CV_32F, *axis, ksize=1) for axis in ((1, 0), (0, 1)))
    strength, angle = cv2.cartToPolar(across, down, angleInDegrees=True)
    position = np.asarray(angle, np.float64) % 180.0 / (180.0 / _DIRECTIONS)
    lower = np.floor(position).astype(np.int64)
    share = position - lower
    cell = np.arange(_SIDE) // _CELL
    place = (cell[:, None] * _CELLS + cell[None, :]) * _DIRECTIONS
    size = _CELLS * _CELLS * _DIRECTIONS
    bins = np.bincount((place + lower % _DIRECTIONS).ravel(), (strength * (1 - share)).ravel(), size)
    bins += np.bincount((place + (lower + 1) % _DIRECTIONS).ravel(), (strength * share).ravel(), size)
    cells = bins.reshape(_CELLS, _CELLS, _DIRECTIONS)
    blocks = np.concatenate([cells[:-1, :-1], cells[:-1, 1:], cells[1:, :-1], cells[1:, 1:]], axis=2)
    energy = np.sqrt((blocks**2).sum(axis=2, keepdims=True) + 400.0)
    return np.asarray(np.minimum(blocks / energy, _CLIP), np.float64)


@cache
def _weights() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    place = resources.files(__package__).joinpath(_WEIGHTS)
    try:
        tensors = load(place.read_bytes())
    except FileNotFoundError as error:
        raise BundleError(f"{_WEIGHTS}: is missing from the installed package; install covidcxr again") from error
    return tensors["matrix"], tensors["bias"]
