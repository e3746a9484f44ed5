"""How near an export is to the network it was made from, measured on images, computed or real."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from covidcxr.core.types import Radiograph
from covidcxr.dataset.dataset import Dataset
from covidcxr.imaging.reading import read

NUM_COMPUTED = 24
_MAX_REAL = 2000

Films = Sequence[NDArray[np.float32]]
Judge = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Parity:
    """Two sets of probabilities for the same images.

    Attributes:
        images: ``computed`` or the dataset they come from.
        num_films: How many.
        largest_difference, mean_difference: Between probabilities.
        agreement: Share of images with the same most probable class.
        auroc: Class to (original, export); empty for computed images, which have no truth.
    """

    films: str
    num_films: int
    largest_difference: float
    mean_difference: float
    agreement: float
    auroc: dict[str, tuple[float, float]]

    def document(self) -> dict[str, Any]:
        """Return it as a JSON-able dictionary."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """The images of a comparison: float32 (H, W) in [0, 1], and the class of each if it is known."""

    name: str
    films: Films
    labels: tuple[str, ...] | None = None


def computed_trial(num_films: int = NUM_COMPUTED, seed: int = 2020) -> Trial:
    """Return computed images of many shapes: smooth blobs with noise, from 40 to 600 pixels a side."""
    rng = np.random.default_rng(seed)
    films = []
    for _ in range(num_films):
        rows, columns = rng.integers(40, 600, 2)
        y, x = np.mgrid[0 : 1 : complex(rows), 0 : 1 : complex(columns)]
        film = rng.normal(0.0, 0.05, (rows, columns))
        for _ in range(6):
            cx, cy, width, height = rng.random(4)
            film += rng.random() * np.exp(-(((x - cx) / (0.1 + width)) ** 2 + ((y - cy) / (0.1 + height)) ** 2))
        films.append(np.clip(film / film.max(), 0.0, 1.0).astype(np.float32))
    return Trial(name="computed", films=films)


def dataset_trial(path: Path, classes: Sequence[str]) -> Trial:
    """Return the test part of a dataset, at most `_MAX_REAL` images spread evenly over it.

    Raises:
        DatasetError: If it is missing or has no test part.
        ImageReadError: If one of its images cannot be read.
    """
    dataset = Dataset.open(path, classes=classes)
    samples = dataset.split("test")
    samples = samples[:: max(1, -(-len(samples) // _MAX_REAL))]
    films = [read(dataset.image_path(sample)).pixels for sample in samples]
    return Trial(name=dataset.name, films=films, labels=tuple(sample.label for sample in samples))


def choose_trial(data: Path | None, classes: Sequence[str]) -> Trial:
    """Return the images of ``data``, or computed ones."""
    return computed_trial() if data is None else dataset_trial(data, classes)


def compare(trial: Trial, classes: Sequence[str], original: Iterable[NDArray[np.float32]], judge: Judge) -> Parity:
    """Judge every image with the export and set the probabilities beside the original's.

    Args:
        trial: The images.
        classes: In the order of the probabilities.
        original: One (classes,) array an image.
        judge: Maps one image (H, W) to (classes,) probabilities.
    """
    before = np.stack(list(original)).astype(np.float64)
    after = np.stack([judge(film) for film in trial.films]).astype(np.float64)
    gap = np.abs(before - after)
    return Parity(
        films=trial.name,
        num_films=len(trial.films),
        largest_difference=float(gap.max()),
        mean_difference=float(gap.mean()),
        agreement=float((before.argmax(axis=1) == after.argmax(axis=1)).mean()),
        auroc=_auroc(trial.labels, classes, before, after),
    )


def radiographs(trial: Trial) -> list[Radiograph]:
    """Return the images as a predictor takes them."""
    return [Radiograph(pixels=film, origin=f"image {number}") for number, film in enumerate(trial.films)]


def _auroc(
    labels: tuple[str, ...] | None, classes: Sequence[str], before: NDArray[np.float64], after: NDArray[np.float64]
) -> dict[str, tuple[float, float]]:
    if labels is None:
        return {}
    found = {}
    for position, name in enumerate(classes):
        truth = [label == name for label in labels]
        if any(truth) and not all(truth):
            scores = (float(roc_auc_score(truth, probabilities[:, position])) for probabilities in (before, after))
            first, second = scores
            found[name] = (first, second)
    return found
