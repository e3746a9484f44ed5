"""The kind of a picture, by a small network: a frontal chest radiograph, or one of nine other things.

The weights, with their card, are in ``weights/`` beside this file; `covidcxr.shipped.gate.release` makes them. What
follows from the answer is decided in `covidcxr.imaging.gate.gate`.

There is a second classifier, `covidcxr.imaging.screening.view`, because the two must not change together. That one
decides which images a recipe's dataset holds, so it stays as it is as long as published manifest digests must hold, and
it takes 0.5 ms per image. This network (0.9 ms) is retrained as new kinds of input turn up, and also knows radiographs
of other body parts and turned images. Of 600 images of the public sources they disagree about frontal on 5.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from covidcxr.core.digests import bytes_sha256
from covidcxr.core.errors import BundleError
from covidcxr.imaging.small_network import SmallNetwork

Kind = Literal[
    "frontal",
    "lateral",
    "ct",
    "other-picture",
    "other-radiograph",
    "inverted",
    "turned-90",
    "turned-180",
    "turned-270",
    "collage",
]
KINDS: tuple[Kind, ...] = (
    "frontal",
    "lateral",
    "ct",
    "other-picture",
    "other-radiograph",
    "inverted",
    "turned-90",
    "turned-180",
    "turned-270",
    "collage",
)

_REMEDY = "install covidcxr again, or make the folder again with covidcxr train-gate"
_SHIPPED: Traversable = resources.files(__package__) / "weights"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class KindAnswer:
    """What the network says of one picture.

    Attributes:
        probabilities: float32 (10,), in the order of ``KINDS``.
        distance: How far the picture's features lie from those of frontal images (Mahalanobis), as a multiple of the
            distance under which 99 % of held-out frontal images lie.
    """

    probabilities: NDArray[np.float32]
    distance: float

    def probability(self, kind: Kind) -> float:
        """Return the probability of one kind."""
        return float(self.probabilities[KINDS.index(kind)])


def picture_kinds(pictures: Sequence[NDArray[np.float32] | NDArray[np.uint8]]) -> list[KindAnswer]:
    """Return what kind each gray (H, W) picture is; values in any linear scale, bone bright.

    Raises:
        BundleError: If the weights that ship with covidcxr are missing or altered.
    """
    if not pictures:
        return []
    network = shipped_network()
    logits, features = network.run(np.stack([standardise_picture(picture, network.size) for picture in pictures]))
    probabilities = np.asarray(softmax(logits, axis=1), np.float32)
    distances = network.distances(features)
    return [
        KindAnswer(probabilities=row, distance=float(distance))
        for row, distance in zip(probabilities, distances, strict=True)
    ]


def standardise_picture(pixels: NDArray[np.float32] | NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    """Return a gray picture (H, W) squeezed to (size, size), with mean 0 and standard deviation 1."""
    values = pixels.astype(np.float32, copy=False)
    shrinking = min(values.shape) >= size
    square = cv2.resize(values, (size, size), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)
    return np.asarray((square - square.mean()) / max(float(square.std()), 1e-6), np.float32)


class KindNetwork:
    """The gate network: standardised pictures in, logits and features out."""

    def __init__(self, weights: bytes, facts: dict[str, Any]) -> None:
        self.size = int(facts["input_size"])
        self._centre = np.asarray(facts["frontal_features"]["mean"], np.float32)
        self._whiten = np.asarray(facts["frontal_features"]["whiten"], np.float32)
        self._limit = float(facts["frontal_features"]["limit"])
        self._network = SmallNetwork(weights)

    def run(self, pictures: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits (N, 10) and features (N, F) of pictures (N, S, S)."""
        logits, features = self._network.run(pictures[:, None])
        return logits, features

    def distances(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return each picture's distance from frontal images in multiples of the limit."""
        white = (features - self._centre) @ self._whiten
        return np.asarray(np.sqrt(np.square(white).sum(axis=1)) / self._limit, np.float32)


def gate_network_card() -> dict[str, Any]:
    """Return the facts of the shipped weights: size, sha256, training data, thresholds, measured figures."""
    return _facts(_SHIPPED)


def read_network(folder: Traversable) -> KindNetwork:
    """Return the network in ``folder``, as `covidcxr.shipped.gate.release` wrote it.

    Raises:
        BundleError: If its files are missing or altered.
    """
    facts = _facts(folder)
    try:
        weights = (folder / "gate.onnx").read_bytes()
    except OSError as error:
        raise BundleError(f"{folder}: no gate.onnx that can be read ({error.strerror}); {_REMEDY}") from None
    if bytes_sha256(weights) != facts.get("sha256"):
        raise BundleError(f"{folder}/gate.onnx: not the file its gate.json describes; {_REMEDY}")
    return KindNetwork(weights, facts)


@functools.cache
def shipped_network() -> KindNetwork:
    """Return the network that ships with covidcxr.

    Raises:
        BundleError: As `read_network`.
    """
    return read_network(_SHIPPED)


def _facts(folder: Traversable) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads((folder / "gate.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{folder}: no gate.json that can be read ({error}); {_REMEDY}") from None
    return facts
