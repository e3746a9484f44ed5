"""Images that the lung network labels itself, so that children and other hospitals are learned too.

A label is kept only where copies of the image, mirrored, zoomed and re-toned, agree on it, and where it fits the boxes
of the General Blockchain annotation if the image has some.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from covidcxr.core.errors import ImageReadError, TrainingError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.types import Record
from covidcxr.imaging.lungs.segment import LungFields, fields_from_logits
from covidcxr.imaging.preprocess import squeeze
from covidcxr.imaging.reading import read
from covidcxr.shipped.lungs.data import LungExample, make_example
from covidcxr.shipped.lungs.network import LungNetwork, standardise

Boxes = dict[str, NDArray[np.float64]]
MIN_AGREEMENT = 0.93  # Dice of the most different copy with the mean
_MIN_BOX_IOU = 0.75
# The General Blockchain boxes were drawn loosely: on the 418 images that also have v7labs masks, the masks' own boxes
# reach an IoU of 0.834 with them, and lie 1.8 to 2.7 % of the image inside them on each side.
BOX_MARGIN = 0.02
_ZOOMS = (1.0, 0.85, 1.12)
_GAMMAS = (1.0, 0.65, 1.5)


def read_lung_boxes(path: Path) -> Boxes:
    """Return file name to (2, 4) boxes as shares of the image: x0, y0, x1, y1; sorted by x, right lung first.

    Raises:
        TrainingError: If a column is missing.
    """
    by_name: dict[str, list[list[float]]] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream), start=2):
            try:
                x, y, width, height, columns, rows = (
                    float(row[key]) for key in ("x", "y", "width", "height", "image_width", "image_height")
                )
                name = row["filename"]
            except (KeyError, ValueError, TypeError) as error:
                raise TrainingError(
                    f"{path}, line {number}: {error}; expected filename, x, y, width, height, image_width, image_height"
                ) from None
            box = [x / columns, y / rows, (x + width) / columns, (y + height) / rows]
            by_name.setdefault(name, []).append(box)
    return {name: np.array(sorted(boxes)) for name, boxes in by_name.items() if len(boxes) == 2}


def box_overlaps(fields: LungFields, boxes: NDArray[np.float64], *, margin: float = 0.0) -> list[float]:
    """Return the IoU of each lung's box with the annotated one (2, 4), right first; 0 where a lung is missing.

    ``margin`` is added on each side of the found box, as a share of the image: see `BOX_MARGIN`.
    """
    overlaps = []
    rows, columns = fields.right.shape
    for lung, (x0, y0, x1, y1) in zip((fields.right, fields.left), boxes, strict=True):
        if not lung.any():
            overlaps.append(0.0)
            continue
        x, y, width, height = cv2.boundingRect(lung.astype(np.uint8))
        tight = np.array([x / columns, y / rows, (x + width) / columns, (y + height) / rows])
        found = np.clip(tight + np.array([-margin, -margin, margin, margin]), 0.0, 1.0)
        low, high = np.maximum(found[:2], (x0, y0)), np.minimum(found[2:], (x1, y1))
        shared = float(np.prod(np.maximum(high - low, 0.0)))
        union = float(np.prod(found[2:] - found[:2])) + (x1 - x0) * (y1 - y0) - shared
        overlaps.append(shared / union)
    return overlaps


def self_label(
    network: LungNetwork,
    records: Sequence[Record],
    boxes: Boxes,
    *,
    size: int,
    weight: float = 1.0,
    progress: Progress = SILENT,
) -> Iterator[LungExample]:
    """Yield the images on which the network agrees with itself, with the mean of its answers as their masks."""
    for record in progress.track(records, total=len(records), label="self-labelling"):
        try:
            pixels = read(record.path).pixels
        except ImageReadError:
            continue  # an unreadable file of a public source is reported by `compile`; here it only teaches nothing
        logits, agreement = mean_answer(network, squeeze(pixels, size))
        fields = fields_from_logits(logits, 1.0, (size, size))
        if not fields.found or agreement < MIN_AGREEMENT:
            continue
        annotated = boxes.get(record.path.name)
        if annotated is not None and min(box_overlaps(fields, annotated, margin=BOX_MARGIN)) < _MIN_BOX_IOU:
            continue
        yield make_example(record, pixels, fields.right, fields.left, size=size, weight=weight)


@torch.no_grad()
def mean_answer(network: LungNetwork, film: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Return mean logits (2, S / 2, S / 2) over changed copies of an image (S, S), and their least agreement."""
    size = film.shape[0]
    copies, matrices, mirrored = [], [], []
    for zoom, gamma in zip(_ZOOMS, _GAMMAS, strict=True):
        matrix = np.array([[zoom, 0, (1 - zoom) * size / 2], [0, zoom, (1 - zoom) * size / 2]], dtype=np.float32)
        toned = np.power(film, gamma, dtype=np.float32)
        copy = cv2.warpAffine(toned, matrix, (size, size), borderMode=cv2.BORDER_CONSTANT)
        for mirror in (False, True):
            copies.append(copy[:, ::-1] if mirror else copy)
            matrices.append(matrix)
            mirrored.append(mirror)
    answers = network(torch.from_numpy(standardise(np.stack(copies)))[:, None])[0].numpy()
    back = [_back(answer, matrix, flip) for answer, matrix, flip in zip(answers, matrices, mirrored, strict=True)]
    mean = np.asarray(np.mean(np.clip(back, -8.0, 8.0), axis=0), np.float32)
    lungs = mean.max(axis=0) > 0
    agreement = min(_dice(answer.max(axis=0) > 0, lungs) for answer in back)
    return mean, agreement


def _back(answer: NDArray[np.float32], matrix: NDArray[np.float32], mirrored: bool) -> NDArray[np.float32]:
    """Undo a copy's mirror and zoom on its logits (2, h, w)."""
    if mirrored:
        answer = answer[::-1, :, ::-1]
    scaled = matrix * np.array([1, 1, 0.5], dtype=np.float32)
    size = (answer.shape[2], answer.shape[1])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    turned = [
        cv2.warpAffine(np.ascontiguousarray(channel), scaled, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        for channel in answer
    ]
    return np.asarray(turned, np.float32)


def _dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    total = int(first.sum() + second.sum())
    return 2.0 * int((first & second).sum()) / total if total else 1.0
