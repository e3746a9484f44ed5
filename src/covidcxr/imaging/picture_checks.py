"""What can be seen of a picture, without its metadata, that should keep it out of a dataset or away from a network.

Each check gives one score between 0 and 1 (or a length in pixels) and has one threshold; `findings` puts them into
words. What is done about a finding is for the callers: the exclusion rules, or the input gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from covidcxr.imaging.drawn_marks import mark_score
from covidcxr.imaging.picture_view import MIN_FRONTAL, PictureView, picture_view

Finding = Literal["too-small", "near-empty", "not-radiograph", "ct", "lateral", "inverted", "collage", "annotated"]

MIN_SIDE = 100  # pixels; an 80 x 80 network still gets more than it asks for
MIN_RANGE = 0.08  # of the full scale, between the 2nd and the 98th percentile of the coarse picture
MIN_MARKS = 0.85  # catches 3 of 5 marked films and loses 1 good film in 60: benchmarks.drawn_marks
_COARSE = 64
_FRAME = 0.05  # of each side left out where borders and labels are
_KIND_NAMES: dict[str, Finding] = {
    "lateral": "lateral",
    "other_modality": "ct",
    "other_picture": "not-radiograph",
    "inverted": "inverted",
    "collage": "collage",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureScores:
    """What was measured on one picture.

    Attributes:
        view: Probabilities of the kinds of picture.
        shorter_side: Pixels.
        gray_range: Share of the full scale between the 2nd and the 98th percentile, averaged to 64 x 64, without
            the outer 5 %.
        marks: How sure the marks network is that something was drawn over the chest.
    """

    view: PictureView
    shorter_side: int
    gray_range: float
    marks: float


def measure_picture(pixels: NDArray[np.uint8]) -> PictureScores:
    """Return the scores of gray (H, W) pixels, bone bright."""
    return PictureScores(
        view=picture_view(pixels),
        shorter_side=min(pixels.shape),
        gray_range=gray_range(pixels),
        marks=mark_score(pixels),
    )


def findings(scores: PictureScores) -> dict[Finding, str]:
    """Return what speaks against the picture, each with its score and threshold; empty for a good frontal film."""
    found: dict[Finding, str] = {}
    if scores.shorter_side < MIN_SIDE:
        found["too-small"] = f"shorter side {scores.shorter_side} pixels, at least {MIN_SIDE} wanted"
    if scores.gray_range < MIN_RANGE:
        found["near-empty"] = f"gray range {scores.gray_range:.3f}, at least {MIN_RANGE} wanted"
        return found
    view = scores.view
    if view.frontal < MIN_FRONTAL:
        others = {name: getattr(view, name) for name in _KIND_NAMES}
        kind = max(others, key=others.__getitem__)
        found[_KIND_NAMES[kind]] = (
            f"frontal with probability {view.frontal:.2f}, at least {MIN_FRONTAL} wanted; "
            f"{kind.replace('_', ' ')} with {others[kind]:.2f}"
        )
    if scores.marks >= MIN_MARKS:
        found["annotated"] = f"drawn marks with probability {scores.marks:.2f}, below {MIN_MARKS} wanted"
    return found


def gray_range(pixels: NDArray[np.uint8]) -> float:
    """Return the share of the scale that the inner picture uses, in [0, 1]."""
    rows, columns = pixels.shape
    top, left = int(rows * _FRAME), int(columns * _FRAME)
    inner = pixels[top : rows - top, left : columns - left]
    way = cv2.INTER_AREA if min(inner.shape) >= _COARSE else cv2.INTER_LINEAR
    low, high = np.percentile(cv2.resize(inner, (_COARSE, _COARSE), interpolation=way), (2, 98))
    return float(high - low) / 255.0
