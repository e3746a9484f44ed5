"""Marks that somebody drew over the chest: arrows, boxes, figures, dates. A small network points at them.

Its weights (``drawn_marks.onnx``) ship beside this file and are trained by
``python -m benchmarks.drawn_marks_train``. What it is only half sure of is looked at again by
`covidcxr.imaging.screening.flat_marks`. Technologists' letters in the margin are not marks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import cv2
import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import BundleError
from covidcxr.imaging.screening.flat_marks import flat_mark_score
from covidcxr.imaging.small_network import SmallNetwork

SIZE = 224
_WEIGHTS = "drawn_marks.onnx"
_TOP_CELLS = 3  # a mark covers at least this many of the 28 x 28 cells
_DOUBTFUL = 0.5  # images that score less are not looked at again


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkScores:
    """How sure the network is that something was drawn on an image, in [0, 1].

    Attributes:
        marks: The mean of its three surest cells, wherever they are.
        flat_mark: Its surest cell on a flat, sharp-edged shape over the chest; 0 without such a shape.
    """

    marks: float
    flat_mark: float


def mark_map(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return float32 (28, 28): the probability that each cell of the squeezed image belongs to a drawn mark.

    ``pixels`` are gray (H, W).

    Raises:
        BundleError: If the weights that ship with covidcxr are missing.
    """
    shrinks = min(pixels.shape) >= SIZE
    small = cv2.resize(pixels, (SIZE, SIZE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    film = small.astype(np.float32)[None, None] / np.float32(255)
    (logits,) = _network().run(film)
    return np.asarray(1.0 / (1.0 + np.exp(-logits[0, 0])), np.float32)


def mark_scores(pixels: NDArray[np.uint8]) -> MarkScores:
    """Return both scores of gray (H, W) pixels.

    Raises:
        BundleError: If weights that ship with covidcxr are missing.
    """
    cells = mark_map(pixels)
    marks = float(np.sort(cells, axis=None)[-_TOP_CELLS:].mean())
    return MarkScores(marks=marks, flat_mark=flat_mark_score(pixels, cells) if marks >= _DOUBTFUL else 0.0)


@cache
def _network() -> SmallNetwork:
    place = resources.files(__package__).joinpath(_WEIGHTS)
    try:
        data = place.read_bytes()
    except FileNotFoundError as error:
        raise BundleError(f"{_WEIGHTS}: is missing from the installed package; install covidcxr again") from error
    return SmallNetwork(data, may_be_rounded=True)
