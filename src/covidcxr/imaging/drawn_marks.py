"""Marks that somebody drew over the chest: arrows, boxes, figures, dates. A small network points at them.

It runs in ONNX Runtime on one thread; its weights (``drawn_marks.onnx``) ship beside this file and are trained by
``python -m benchmarks.drawn_marks_train``. Technologists' letters in the margin are not marks.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from covidcxr.core.errors import BundleError

SIZE = 224
_WEIGHTS = "drawn_marks.onnx"
_TOP_CELLS = 3  # a mark covers at least this many of the 28 x 28 cells


def mark_map(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return float32 (28, 28): the probability that each cell of the squeezed film belongs to a drawn mark.

    ``pixels`` are gray (H, W).

    Raises:
        BundleError: If the weights that ship with covidcxr are missing.
    """
    shrinks = min(pixels.shape) >= SIZE
    small = cv2.resize(pixels, (SIZE, SIZE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    film = small.astype(np.float32)[None, None] / np.float32(255)
    (logits,) = _session().run(None, {"film": film})
    return np.asarray(1.0 / (1.0 + np.exp(-logits[0, 0])), np.float32)


def mark_score(pixels: NDArray[np.uint8]) -> float:
    """Return how sure the network is that something was drawn over the chest: the mean of its three surest cells."""
    cells = np.sort(mark_map(pixels), axis=None)
    return float(cells[-_TOP_CELLS:].mean())


@cache
def _session() -> Any:
    place = resources.files(__package__).joinpath(_WEIGHTS)
    try:
        data = place.read_bytes()
    except FileNotFoundError as error:
        raise BundleError(f"{_WEIGHTS}: is missing from the installed package; install covidcxr again") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
