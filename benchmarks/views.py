"""The labelled images: keys, classes by eye, and who belongs together."""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.films import film_paths
from covidcxr.imaging.reading import read_gray8

LABELS = Path(__file__).parent / "labels" / "views.csv"
NUM_FOLDS = 5
_HELD_OUT = {
    "nih-chest-xray14-subset": 1,
    "Figure1-COVID-chestxray-dataset": 2,
    "Actualmed-COVID-chestxray-dataset": 3,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledFilm:
    """One image with what the eye saw; ``view`` is empty for images of chest-xray-pneumonia that were not looked at."""

    key: str
    path: Path
    view: str
    marks: str
    fold: int

    @property
    def source(self) -> str:
        """The source's folder."""
        return self.key.partition("/")[0]


def labelled_films(sources: Path | None) -> list[LabelledFilm]:
    """Return every image of the sources with its label, in the order of their keys.

    Folds keep patients together; NIH, Figure1 and Actualmed are each in one fold whole, so that they are judged by a
    classifier that has not seen their source.
    """
    with LABELS.open(encoding="utf-8", newline="") as stream:
        seen = {row["key"]: row for row in csv.DictReader(stream)}
    films = film_paths(sources)
    root = films[0][1].parents[films[0][0].count("/")]
    patients = _patients(root / "covid-chestxray-dataset" / "metadata.csv")
    return [
        LabelledFilm(
            key=key,
            path=path,
            view=seen[key]["view"] if key in seen else "",
            marks=seen[key]["marks"] if key in seen else "",
            fold=_fold(key, patients),
        )
        for key, path in films
    ]


def squeezed(films: list[LabelledFilm], side: int, cache: Path | None) -> NDArray[np.uint8]:
    """Return uint8 (N, side, side) squeezed images, from the ``cache`` where it exists."""
    if cache is not None and cache.is_file():
        pixels: NDArray[np.uint8] = np.load(cache, mmap_mode="r")
        if pixels.shape == (len(films), side, side):
            return pixels
    pixels = np.empty((len(films), side, side), np.uint8)
    for row, film in enumerate(films):
        gray = read_gray8(film.path).as_uint8()
        way = cv2.INTER_AREA if min(gray.shape) >= side else cv2.INTER_LINEAR
        pixels[row] = cv2.resize(gray, (side, side), interpolation=way)
    if cache is not None:
        np.save(cache, pixels)
    return pixels


def _patients(metadata: Path) -> dict[str, str]:
    with metadata.open(encoding="utf-8", newline="") as stream:
        return {row["filename"]: row["patientid"].rstrip("abcdef") for row in csv.DictReader(stream)}


def _fold(key: str, patients: dict[str, str]) -> int:
    source, name = key.partition("/")[0], key.rpartition("/")[2]
    if source in _HELD_OUT:
        return _HELD_OUT[source]
    if source == "covid-chestxray-dataset":
        patient = patients.get(name, key)
    else:
        patient = re.sub(r"_\d+(_\d+)?\.jpeg$" if name.startswith("person") else r"-000\d.*", "", name)
    return int(hashlib.sha256(patient.encode()).hexdigest(), 16) % NUM_FOLDS
