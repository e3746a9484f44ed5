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

from covidcxr.imaging.screening.view import MIN_FRONTAL, PictureView

Finding = Literal["too-small", "near-empty", "not-radiograph", "ct", "lateral", "inverted", "collage", "annotated"]

MIN_SIDE = 100  # pixels; an 80 x 80 network still gets more than it asks for
MIN_RANGE = 0.08  # of the full scale, between the 2nd and the 98th percentile of the coarse picture
# Any of the three; together they catch 9 of 10 marked images and lose 1 good image in 200: benchmarks.drawn_marks
MIN_MARKS = 0.92
MIN_FLAT_MARK = 0.6
MIN_COLOUR = 0.3  # pixels in a thousand
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
        marks: How sure the marks network is that something was drawn on the image.
        flat_mark: How sure it is of a flat, sharp-edged shape over the chest.
        colour: Coloured pixels in a thousand, of an image that is otherwise gray.
    """

    view: PictureView
    shorter_side: int
    gray_range: float
    marks: float
    flat_mark: float
    colour: float


def findings(scores: PictureScores) -> dict[Finding, str]:
    """Return what speaks against the picture, each with its score and threshold; empty for a good frontal image."""
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
    marks = _marks_found(scores)
    if marks:
        found["annotated"] = "; ".join(marks)
    return found


def _marks_found(scores: PictureScores) -> list[str]:
    found = []
    if scores.marks >= MIN_MARKS:
        found.append(f"drawn marks with probability {scores.marks:.2f}, below {MIN_MARKS} wanted")
    if scores.flat_mark >= MIN_FLAT_MARK:
        found.append(
            f"a flat shape over the chest, drawn with probability {scores.flat_mark:.2f}, below {MIN_FLAT_MARK} wanted"
        )
    if scores.colour >= MIN_COLOUR:
        found.append(f"{scores.colour:.1f} of 1,000 pixels coloured, below {MIN_COLOUR} wanted")
    return found


def gray_range(pixels: NDArray[np.uint8]) -> float:
    """Return the share of the scale that the inner picture uses, in [0, 1]."""
    rows, columns = pixels.shape
    top, left = int(rows * _FRAME), int(columns * _FRAME)
    inner = pixels[top : rows - top, left : columns - left]
    way = cv2.INTER_AREA if min(inner.shape) >= _COARSE else cv2.INTER_LINEAR
    low, high = np.percentile(cv2.resize(inner, (_COARSE, _COARSE), interpolation=way), (2, 98))
    return float(high - low) / 255.0
