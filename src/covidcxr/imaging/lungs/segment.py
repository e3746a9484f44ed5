"""Lung fields of a frontal chest radiograph, with a confidence and the answer "none found".

The network, a U-Net on the first stages of EfficientNet-Lite0 (weights in ``weights/`` beside this file, with
their card), is run by `covidcxr.imaging.small_network`. It marks the lung as the annotators of the v7labs masks did:
including what lies behind the heart. How it is trained is not known here; what is done with the fields is not either.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from covidcxr.core.digests import bytes_sha256
from covidcxr.core.errors import BundleError, ImageReadError
from covidcxr.core.types import Radiograph
from covidcxr.imaging.small_network import SmallNetwork

Pixels = NDArray[np.uint8] | NDArray[np.float32] | NDArray[np.float64]
Box = tuple[int, int, int, int]

MIN_SIDE = 16  # pixels; below this no anatomy can be told
_MIN_PRESENCE = 0.5
_MIN_FIELD = 0.008  # share of the image a single lung must cover
_MAX_FIELDS = 0.80  # share of the image both lungs may cover
_MIN_CONFIDENCE = 0.75
_MAX_RATIO = 4.0  # area of the larger lung over the smaller
_MIN_SHARED_ROWS = 0.35  # rows both lungs have, over the rows of the shorter
_BATCH = 16


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LungFields:
    """The two lung fields of one image.

    Attributes:
        right, left: bool (H, W) in the image's own pixels; the *patient's* sides, so that the right lung lies on
            the image's left. Both empty if ``found`` is False.
        confidence: In [0, 1]: how sure the network is that there are lungs, times how sharp their outlines are
            (soft Dice between its probabilities and the mask they give).
        found: Whether there are two plausible fields.
        reasons: If not found, why not; if found, what a careful reader should know ("cut-off: ...").
        box: (x, y, width, height) around both fields in pixels; None if not found.
    """

    right: NDArray[np.bool_]
    left: NDArray[np.bool_]
    confidence: float
    found: bool
    reasons: tuple[str, ...] = ()
    box: Box | None = None

    @property
    def both(self) -> NDArray[np.bool_]:
        """Bool (H, W): either lung."""
        return self.right | self.left


def segment_lungs(image: Radiograph | Pixels) -> LungFields:
    """Return the lung fields of one image.

    Args:
        image: A radiograph, or its pixels (H, W), bone bright, uint8 or float in any linear scale.

    Raises:
        ImageReadError: If the pixels are not a finite (H, W) array of at least 16 x 16.
        BundleError: If the weights that ship with covidcxr are missing or altered.
    """
    return next(segment_lungs_batch([image]))


def segment_lungs_batch(films: Iterable[Radiograph | Pixels], *, batch_size: int = _BATCH) -> Iterator[LungFields]:
    """Yield the lung fields of many images in order, a batch at a time through the network.

    Raises:
        ImageReadError, BundleError: As `segment_lungs`.
    """
    waiting: list[Pixels] = []
    for film in films:
        waiting.append(_checked(film))
        if len(waiting) == batch_size:
            yield from _segment(waiting)
            waiting = []
    if waiting:
        yield from _segment(waiting)


def _checked(film: Radiograph | Pixels) -> Pixels:
    origin, pixels = (film.origin, film.pixels) if isinstance(film, Radiograph) else ("pixels", film)
    if pixels.ndim != 2 or min(pixels.shape) < MIN_SIDE:
        raise ImageReadError(
            f"{origin}: an array of shape {pixels.shape}; lung fields need (H, W) of at least {MIN_SIDE} x {MIN_SIDE}",
            reason="too-small" if pixels.ndim == 2 else "shape",
        )
    if pixels.dtype != np.uint8 and not np.isfinite(pixels).all():
        raise ImageReadError(f"{origin}: pixels that are not finite; expected gray values", reason="not-finite")
    return pixels


def _segment(batch: list[Pixels]) -> Iterator[LungFields]:
    network = _network()
    films = np.stack([_standardised(pixels, network.size) for pixels in batch])[:, None]
    logits, presence = network.run(films)
    for pixels, film_logits, film_presence in zip(batch, logits, presence, strict=True):
        yield fields_from_logits(film_logits, float(film_presence), (pixels.shape[0], pixels.shape[1]))


def _standardised(pixels: Pixels, size: int) -> NDArray[np.float32]:
    shrinking = min(pixels.shape) >= size
    values = pixels.astype(np.float32, copy=False)
    square = cv2.resize(values, (size, size), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)
    # The training images lie in [0, 1]; a constant image must not divide by zero in any scale.
    return np.asarray((square - square.mean()) / max(float(square.std()), 1e-6), np.float32)


def fields_from_logits(logits: NDArray[np.float32], presence: float, shape: tuple[int, int]) -> LungFields:
    """Return the fields that the network's answer means for an image of ``shape`` (H, W).

    Args:
        logits: (2, h, w), right lung first.
        presence: Probability in [0, 1] that the image shows lung fields.
        shape: Rows and columns of the result.
    """
    cleaned, reasons = _cleaned(logits)
    confidence = presence * _sharpness(logits, cleaned)
    if presence < _MIN_PRESENCE:
        return _none(shape, confidence, f"no-lungs: presence {presence:.2f}, expected at least {_MIN_PRESENCE}")
    reasons = reasons or _implausible(cleaned, confidence)
    if reasons:
        return _none(shape, confidence, *reasons)
    right, left = _enlarged(logits, cleaned, shape)
    x, y, width, height = cv2.boundingRect((right | left).astype(np.uint8))
    return LungFields(
        right=right,
        left=left,
        confidence=confidence,
        found=True,
        reasons=_remarks(cleaned),
        box=(int(x), int(y), int(width), int(height)),
    )


def _none(shape: tuple[int, int], confidence: float, *reasons: str) -> LungFields:
    empty = np.zeros(shape, dtype=bool)
    return LungFields(right=empty, left=empty.copy(), confidence=confidence, found=False, reasons=reasons)


def _cleaned(logits: NDArray[np.float32]) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Return (2, h, w): the largest component of each lung without holes; and what is missing."""
    masks = np.zeros(logits.shape, dtype=bool)
    missing = []
    for side, name in enumerate(("right", "left")):
        mask = (logits[side] > 0) & (logits[side] >= logits[1 - side])
        count, parts, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
        largest = 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA])) if count > 1 else 0
        share = statistics[largest, cv2.CC_STAT_AREA] / mask.size if largest else 0.0
        if share < _MIN_FIELD:
            missing.append(f"one-field: the {name} lung covers {share:.1%} of the image")
            continue
        outline, _ = cv2.findContours((parts == largest).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        filled = np.zeros(mask.shape, dtype=np.uint8)
        cv2.drawContours(filled, outline, -1, (1,), cv2.FILLED)
        masks[side] = filled.astype(bool)
    masks[1] &= ~masks[0]
    return masks, tuple(missing)


def _sharpness(logits: NDArray[np.float32], masks: NDArray[np.bool_]) -> float:
    probabilities = 1.0 / (1.0 + np.exp(-np.clip(logits, -30, 30)))
    total = float(probabilities.sum() + masks.sum())
    return float(2.0 * probabilities[masks].sum() / total) if total > 0 else 0.0


def _implausible(masks: NDArray[np.bool_], confidence: float) -> tuple[str, ...]:
    reasons = []
    share = float(masks.any(axis=0).mean())
    if share > _MAX_FIELDS:
        reasons.append(f"area: lungs would cover {share:.0%} of the image, at most {_MAX_FIELDS:.0%} is plausible")
    centres = [float(np.nonzero(mask)[1].mean()) for mask in masks]
    if centres[0] >= centres[1]:
        reasons.append("position: the right lung does not lie to the image's left of the left lung")
    rows = [np.flatnonzero(mask.any(axis=1)) for mask in masks]
    shared = np.intersect1d(rows[0], rows[1]).size / min(rows[0].size, rows[1].size)
    if shared < _MIN_SHARED_ROWS:
        reasons.append(
            f"position: the lungs share {shared:.0%} of their rows, at least {_MIN_SHARED_ROWS:.0%} expected"
        )
    if confidence < _MIN_CONFIDENCE:
        reasons.append(f"unsure: confidence {confidence:.2f}, expected at least {_MIN_CONFIDENCE}")
    return tuple(reasons)


def _remarks(masks: NDArray[np.bool_]) -> tuple[str, ...]:
    remarks = []
    areas = masks.sum(axis=(1, 2))
    ratio = float(areas.max() / areas.min())
    if ratio > _MAX_RATIO:
        remarks.append(f"uneven: one lung has {ratio:.1f} times the area of the other")
    both = masks[0] | masks[1]
    edges = {"top": both[0], "bottom": both[-1], "left": both[:, 0], "right": both[:, -1]}
    for name, edge in edges.items():
        if edge.mean() > 0.1:
            remarks.append(f"cut-off: the lungs touch the image's {name} edge")
    return tuple(remarks)


def _enlarged(
    logits: NDArray[np.float32], masks: NDArray[np.bool_], shape: tuple[int, int]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return both lungs at the image's size, their outlines interpolated between the network's cells."""
    size = (shape[1], shape[0])
    kernel = np.ones((3, 3), np.uint8)
    large = []
    for side in (0, 1):
        near = cv2.dilate(masks[side].astype(np.uint8), kernel).astype(bool)
        score = np.where(near, logits[side], np.minimum(logits[side], -6.0))
        score = np.where(masks[side], np.maximum(score, 0.01), score)
        large.append(cv2.resize(np.clip(score, -6.0, 6.0), size, interpolation=cv2.INTER_LINEAR))
    right = (large[0] > 0) & (large[0] >= large[1])
    return right, (large[1] > 0) & ~right


class _Network:
    """The shipped network: images in, logits and presence out."""

    def __init__(self, weights: bytes, size: int) -> None:
        self.size = size
        self._network = SmallNetwork(weights, may_be_rounded=True)

    def run(self, films: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return mask logits (N, 2, S / 2, S / 2) and presence (N,) in [0, 1] of images (N, 1, S, S)."""
        logits, presence = self._network.run(films)
        return logits, np.asarray(1.0 / (1.0 + np.exp(-presence)), np.float32)


def lung_network_card() -> dict[str, Any]:
    """Return the facts of the shipped weights: size, sha256, training data, licence, measured figures."""
    folder = resources.files(__package__) / "weights"
    try:
        facts: dict[str, Any] = json.loads((folder / "lungs.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{folder}: no lungs.json; install covidcxr again, its package data is missing") from None
    return facts


@functools.cache
def _network() -> _Network:
    facts = lung_network_card()
    weights = (resources.files(__package__) / "weights" / "lungs.onnx").read_bytes()
    if bytes_sha256(weights) != facts["sha256"]:
        raise BundleError("weights/lungs.onnx: not the file its lungs.json describes; install covidcxr again")
    return _Network(weights, int(facts["input_size"]))
