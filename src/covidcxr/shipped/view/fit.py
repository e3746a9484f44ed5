"""The classifier of views and other pictures: varied images, collages, and the fit of its weights.

Which images are shown, and how good it is, is left to ``python -m benchmarks.picture_view``.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.special import softmax

from covidcxr.imaging import screening

COMPONENTS = 300
LAYOUTS = ((1, 2), (2, 1), (2, 2), (1, 3))
WEIGHTS = Path(screening.__file__).with_name("view.safetensors")


def vary(
    film: NDArray[np.uint8], rng: np.random.Generator, *, turn: float = 8.0, upside: bool = False
) -> NDArray[np.uint8]:
    """Return the image mirrored or not, cropped or shrunk, tilted and re-exposed."""
    side = film.shape[0]
    film = film[:, ::-1] if rng.random() < 0.5 else film
    film = film[::-1] if upside and rng.random() < 0.3 else film
    scale = rng.uniform(0.75, 1.05)
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-turn, turn), 1 / scale)
    matrix[:, 2] += rng.uniform(-0.5, 0.5, 2) * abs(1 - scale) * side
    moved = cv2.warpAffine(np.ascontiguousarray(film), matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    varied: NDArray[np.uint8] = np.rint(255 * (moved / 255.0) ** rng.uniform(0.6, 1.6)).astype(np.uint8)
    return varied


def collage(pixels: NDArray[np.uint8], rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return two to four of the images in ``rows`` put together, with or without a black or white gap."""
    down, across = LAYOUTS[int(rng.integers(len(LAYOUTS)))]
    gap, paper = int(rng.integers(0, 16)), int(rng.choice([0, 255]))
    chosen = iter(rng.choice(rows, down * across))
    parts = [
        [np.pad(vary(pixels[next(chosen)], rng), gap, constant_values=paper) for _ in range(across)]
        for _ in range(down)
    ]
    return np.vstack([np.hstack(line) for line in parts])


class ViewFit:
    """Principal components shared by all folds, then one multinomial logistic regression a fold."""

    def __init__(self, features: NDArray[np.float32]) -> None:
        self.centre = features.mean(axis=0)
        spread, directions = np.linalg.eigh(np.cov(features.T, bias=True))
        self.directions = directions[:, -COMPONENTS:] / (spread[-COMPONENTS:] + 1e-3) ** 0.25

    def weights(self, features: NDArray[np.float32], kinds: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
        """Return ``matrix`` (features, kinds) and ``bias`` (kinds,)."""
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=1.0, max_iter=120).fit((features - self.centre) @ self.directions, kinds)
        matrix = self.directions @ model.coef_.T
        bias = model.intercept_ - self.centre @ matrix
        return {"matrix": matrix.astype(np.float32), "bias": bias.astype(np.float32)}


def probabilities(features: NDArray[np.float32], weights: dict[str, NDArray[np.float32]]) -> NDArray[np.float64]:
    """Return (N, kinds) float64 in [0, 1] of (N, features) by the weights that `ViewFit.weights` gives."""
    answer: NDArray[np.float64] = softmax((features @ weights["matrix"] + weights["bias"]).astype(np.float64), axis=1)
    return answer


def store(weights: dict[str, NDArray[np.float32]], path: Path = WEIGHTS) -> None:
    """Write weights in the place of those that ship with covidcxr."""
    save_file(weights, path)
    path.chmod(0o644)
