"""Whether two pictures show the same image: matched keypoints, one affine map, and agreement everywhere under it.

All chests look alike: keypoints on ribs and clavicles of two persons match, and an affine map fits many of them. So
keypoints only propose the map. It is then refined on the pixels, and the pair is a copy only if the images agree
*locally*: the correlation of fine detail is taken in many small windows, and three quarters of the windows must
agree. A drawn arrow or a caption spoils a few windows; another person, or the same one a day later, spoils most.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from covidcxr.curation.duplicates.features import SIDE, ImageFeatures, mirror_descriptors, mirror_keypoints
from covidcxr.curation.duplicates.words import root_descriptors

Affine = tuple[tuple[float, float, float], tuple[float, float, float]]

MIN_SCORE = 0.93
_RATIO = 0.9  # of the nearest to the second nearest descriptor
_TOLERANCE_PIXELS = 2.5
_MIN_INLIERS = 8
_MAX_STRETCH, _MAX_ANISOTROPY = 2.5, 1.6
_MIN_OVERLAP = 0.2
_WORTH_REFINING = 0.3
_REFINE_STEPS = 30
_BAND = 2.0, 6.0  # pixels of a 128-pixel image: detail that survives scaling down to 56 pixels and JPEG at 30
_REFINE_BAND = 1.2, 5.0
_WINDOW, _STEP = 17, 8
_MIN_WINDOWS = 8
_MIN_VARIANCE = 1.0  # gray levels squared; flatter windows tell nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirmation:
    """What was found out about two pictures.

    Attributes:
        num_inliers: Keypoints that agree on one affine map.
        correlation: Pearson correlation of band-passed pixels over the whole overlap.
        score: Lower quartile of the same correlation in small windows; 0 if there was no plausible map.
        transform: Affine map from the first image (mirrored first, if so) to the second, in units of the image's
            width and height (0 to 1).
    """

    num_inliers: int = 0
    correlation: float = 0.0
    score: float = 0.0
    transform: Affine | None = None


def confirm(first: ImageFeatures, second: ImageFeatures, *, mirrored: bool) -> Confirmation:
    """Compare two pictures, the first one mirrored if ``mirrored``."""
    keypoints = mirror_keypoints(first.keypoints) if mirrored else first.keypoints
    descriptors = mirror_descriptors(first.descriptors) if mirrored else first.descriptors
    left, right = match_descriptors(descriptors, second.descriptors)
    if len(left) < _MIN_INLIERS:
        return Confirmation()
    cv2.setRNGSeed(0)
    fitted, inliers = cv2.estimateAffine2D(
        keypoints[left, :2],
        second.keypoints[right, :2],
        method=cv2.RANSAC,
        ransacReprojThreshold=_TOLERANCE_PIXELS,
        maxIters=500,
        confidence=0.999,
    )
    if fitted is None or (num_inliers := int(inliers.sum())) < _MIN_INLIERS or not _plausible(_float64(fitted)):
        return Confirmation()
    back = _inverted(_float64(fitted))
    pixels = np.ascontiguousarray(first.thumbnail[:, ::-1]) if mirrored else first.thumbnail
    _, rough = _agreement(pixels, second.thumbnail, back)
    if rough < _WORTH_REFINING:
        return Confirmation(num_inliers=num_inliers)
    back = _refine(pixels, second.thumbnail, back)
    correlation, score = _agreement(pixels, second.thumbnail, back)
    return Confirmation(
        num_inliers=num_inliers,
        correlation=correlation,
        score=score,
        transform=_in_units(_inverted(back)),
    )


def match_descriptors(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return row numbers of descriptors (K, 128) that are each other's nearest, and clearly so (Lowe's ratio)."""
    if len(left) < 2 or len(right) < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    likeness = root_descriptors(left) @ root_descriptors(right).T
    rows = np.arange(len(left))
    nearest = likeness.argmax(axis=1)
    mutual = likeness.argmax(axis=0)[nearest] == rows
    top = np.partition(likeness, -2, axis=1)[:, -2:]
    distance = np.sqrt(np.maximum(2.0 - 2.0 * top, 0.0))  # of unit vectors
    keep = mutual & (distance[:, 1] <= _RATIO * distance[:, 0])
    return rows[keep], nearest[keep]


def _plausible(matrix: NDArray[np.float64]) -> bool:
    """Tell if the map is one that an image can have gone through: no fold, no extreme stretch or skew."""
    linear = matrix[:, :2]
    large, small = np.linalg.svd(linear, compute_uv=False)
    stretched = large > _MAX_STRETCH or small < 1.0 / _MAX_STRETCH or large > _MAX_ANISOTROPY * small
    return bool(np.linalg.det(linear) > 0.0 and not stretched)


def _refine(first: NDArray[np.uint8], second: NDArray[np.uint8], back: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the map from second to first after maximising the correlation (Evangelidis & Psarakis, PAMI 30, 2008)."""
    template, moving = _normalised(_band(second, _REFINE_BAND)), _normalised(_band(first, _REFINE_BAND))
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, _REFINE_STEPS, 1e-4)
    everywhere = np.full((SIDE, SIDE), 255, np.uint8)
    start = back.astype(np.float32)
    try:
        _, found = cv2.findTransformECC(template, moving, start, cv2.MOTION_AFFINE, criteria, everywhere, 3)
    except cv2.error:  # it wandered off: the images do not agree, or only in flat parts
        return back
    refined = _float64(found)
    return refined if _plausible(refined) else back


def _agreement(first: NDArray[np.uint8], second: NDArray[np.uint8], back: NDArray[np.float64]) -> tuple[float, float]:
    """Return the correlation over the overlap, and the lower quartile of the correlations in its windows."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = np.asarray(
        cv2.warpAffine(first, back, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
    inside = cv2.warpAffine(np.full((SIDE, SIDE), 255, np.uint8), back, (SIDE, SIDE), flags=flags)
    mask = (cv2.erode(inside, np.ones((5, 5), np.uint8)) > 250).astype(np.float32)
    if mask.mean() < _MIN_OVERLAP:
        return 0.0, 0.0
    left, right = _band(warped, _BAND), _band(second, _BAND)

    def windows(values: NDArray[np.float32]) -> NDArray[np.float32]:
        means = cv2.boxFilter(values * mask, -1, (_WINDOW, _WINDOW))
        return np.asarray(means, np.float32)[_STEP::_STEP, _STEP::_STEP]

    share = windows(np.ones_like(mask))
    count = np.maximum(share, 1e-6)
    left_mean, right_mean = windows(left) / count, windows(right) / count
    left_variance = windows(left * left) / count - left_mean**2
    right_variance = windows(right * right) / count - right_mean**2
    covariance = windows(left * right) / count - left_mean * right_mean
    telling = (share > 0.6) & (left_variance > _MIN_VARIANCE) & (right_variance > _MIN_VARIANCE)
    if telling.sum() < _MIN_WINDOWS:
        return 0.0, 0.0
    local = covariance[telling] / np.sqrt(left_variance[telling] * right_variance[telling])
    seen = mask > 0
    return float(np.corrcoef(left[seen], right[seen])[0, 1]), float(np.percentile(local, 25))


def _band(pixels: NDArray[np.uint8], band: tuple[float, float]) -> NDArray[np.float32]:
    values = pixels.astype(np.float32)
    fine = cv2.GaussianBlur(values, (0, 0), band[0]) - cv2.GaussianBlur(values, (0, 0), band[1])
    return np.asarray(fine, np.float32)


def _normalised(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Even out local contrast, so that gamma and exposure do not weigh."""
    contrast = np.sqrt(np.asarray(cv2.GaussianBlur(values * values, (0, 0), 8.0), np.float32))
    return np.asarray(values / (contrast + np.float32(1.5)), np.float32)


def _float64(matrix: object) -> NDArray[np.float64]:
    return np.asarray(matrix, np.float64)


def _inverted(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return _float64(cv2.invertAffineTransform(matrix))


def _in_units(matrix: NDArray[np.float64]) -> Affine:
    """Return a map of pixel centres of the squeezed images as one of coordinates from 0 to 1."""
    offset = (matrix[:, 2] - matrix[:, :2] @ (0.5, 0.5) + 0.5) / SIDE
    rows = [tuple(round(float(value), 6) for value in (*matrix[row, :2], offset[row])) for row in (0, 1)]
    return (rows[0], rows[1])  # type: ignore[return-value]
