"""What the gate network learns from: frontal images, and everything an image can be instead.

Lateral images and CT slices are few, so they are drawn often and changed strongly; images that are inverted, turned,
cut below the lungs or put together are made from frontal ones as they are needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import ImageReadError, TrainingError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.types import Record, View
from covidcxr.imaging.encoding import to_uint8
from covidcxr.imaging.gate.kinds import KINDS, Kind
from covidcxr.imaging.lungs.segment import segment_lungs_batch
from covidcxr.imaging.preprocess import squeeze
from covidcxr.imaging.reading import read
from covidcxr.shipped.lungs.augment import augment
from covidcxr.shipped.lungs.data import is_held_out
from covidcxr.shipped.not_radiographs import draw_other_picture, tear_film
from covidcxr.sources import SOURCES
from covidcxr.sources.phantom_films import Kind as PhantomKind
from covidcxr.sources.phantom_films import draw_film

Gray = NDArray[np.uint8]
STORED = 112  # side of the squares that images are kept as
# How often each kind is drawn.
SHARES: Mapping[Kind, float] = {
    "frontal": 0.34,
    "lateral": 0.10,
    "ct": 0.08,
    "other-picture": 0.14,
    "other-radiograph": 0.06,
    "inverted": 0.08,
    "turned-90": 0.05,
    "turned-180": 0.06,
    "turned-270": 0.05,
    "collage": 0.04,
}
_PHANTOMS = 0.06  # share of phantoms among frontal, lateral and CT


@dataclass(frozen=True, kw_only=True, eq=False)
class GateFilm:
    """One image: where it is from, and its pixels squeezed to uint8 (S, S).

    ``below`` is the part under the lungs, (S, S) too; None if there is too little of it.
    """

    record_id: str
    source: str
    patient: str
    kind: Kind
    pixels: Gray
    below: Gray | None = None


@dataclass(frozen=True, kw_only=True)
class GatePool:
    """Images by kind, and how random examples are made of them."""

    films: tuple[GateFilm, ...]
    by_kind: Mapping[str, tuple[GateFilm, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, films: Sequence[GateFilm]) -> GatePool:
        """Return the pool of these images.

        Raises:
            TrainingError: If a kind that cannot be made from the others is missing.
        """
        by_kind = {kind: tuple(film for film in films if film.kind == kind) for kind in ("frontal", "lateral", "ct")}
        for kind, found in by_kind.items():
            if not found:
                raise TrainingError(f"no {kind} image among {len(films)} images; expected covid-chestxray-dataset")
        return cls(films=tuple(films), by_kind=by_kind)

    def draw(self, generator: np.random.Generator) -> tuple[NDArray[np.float32], int]:
        """Return a random changed picture (S, S) in [0, 1] and the number of its kind in ``KINDS``."""
        shares = np.array([SHARES[kind] for kind in KINDS])
        number = int(generator.choice(len(KINDS), p=shares / shares.sum()))
        kind = KINDS[number]
        pixels = self._plain(kind, generator).astype(np.float32) / np.float32(255)
        changed, _ = augment(pixels, np.zeros((2, *pixels.shape), np.float32), generator)
        return _made(kind, changed), number

    def _plain(self, kind: Kind, generator: np.random.Generator) -> Gray:
        if kind == "other-picture":
            if generator.random() < 0.15:
                return tear_film(self._one("frontal", generator).pixels, generator)
            return draw_other_picture(generator, STORED)
        if kind == "other-radiograph":
            for _ in range(20):
                below = self._one("frontal", generator).below
                if below is not None:
                    return below
        if kind == "collage":
            return self._collage(generator)
        real = kind if kind in ("lateral", "ct") else "frontal"
        if generator.random() < _PHANTOMS:
            return _phantom(real, generator)
        return self._one(real, generator).pixels

    def _one(self, kind: str, generator: np.random.Generator) -> GateFilm:
        films = self.by_kind[kind]
        if kind == "frontal":  # every source as often, so that the largest does not decide what an image looks like
            sources = sorted({film.source for film in films})
            source = sources[int(generator.integers(len(sources)))]
            films = tuple(film for film in films if film.source == source)
        return films[int(generator.integers(len(films)))]

    def _collage(self, generator: np.random.Generator) -> Gray:
        rows, columns = ((1, 2), (1, 2), (2, 1), (2, 2), (1, 3), (2, 3))[int(generator.integers(6))]
        gap = int(generator.integers(0, 6))
        canvas = np.full((STORED, STORED), int(generator.choice([0, 255])), dtype=np.uint8)
        height, width = STORED // rows - gap, STORED // columns - gap
        for row in range(rows):
            for column in range(columns):
                kind = str(generator.choice(["frontal", "frontal", "frontal", "lateral", "ct"]))
                film = cv2.resize(self._one(kind, generator).pixels, (width, height), interpolation=cv2.INTER_AREA)
                top, left = row * (height + gap), column * (width + gap)
                canvas[top : top + height, left : left + width] = film
        return canvas


def gather_gate_films(
    root: Path, *, children: int, generator: np.random.Generator, progress: Progress = SILENT
) -> list[GateFilm]:
    """Return the images of every public source below ``root``; at most ``children`` of chest-xray-pneumonia."""
    records: list[Record] = []
    for name, source in SOURCES.items():
        folder = source().locate(root)
        found = list(source().read(folder).records) if folder else []
        if name == "chest-xray-pneumonia" and len(found) > children:
            found = [found[index] for index in sorted(generator.choice(len(found), size=children, replace=False))]
        records += found
    films = []
    for record in progress.track(records, total=len(records), label="films"):
        try:
            films.append(_film(record))
        except ImageReadError:
            continue  # an unreadable file of a public source is reported by `compile`; here it only teaches nothing
    return films


def _film(record: Record) -> GateFilm:
    pixels = to_uint8(squeeze(read(record.path).pixels, STORED))
    kind: Kind = "frontal"
    if record.view is View.CT or record.modality == "CT":
        kind = "ct"
    elif record.view is View.LATERAL:
        kind = "lateral"
    return GateFilm(
        record_id=record.record_id,
        source=record.source,
        patient=record.patient_id or record.record_id,
        kind=kind,
        pixels=pixels,
        below=_below(pixels) if kind == "frontal" else None,
    )


def _below(pixels: Gray) -> Gray | None:
    """Return the abdomen under the lungs of an image (S, S), enlarged to (S, S); None if little of it is shown."""
    fields = next(segment_lungs_batch([pixels]))
    if fields.box is None:
        return None
    bottom = fields.box[1] + round(0.9 * fields.box[3])
    if bottom > 0.72 * STORED:
        return None
    return np.asarray(cv2.resize(pixels[bottom:], (STORED, STORED), interpolation=cv2.INTER_LINEAR), np.uint8)


def _phantom(kind: str, generator: np.random.Generator) -> Gray:
    if kind == "lateral":
        return to_uint8(squeeze(draw_film(generator, "lateral"), STORED))
    if kind == "ct":
        return to_uint8(squeeze(draw_film(generator, "ct"), STORED))
    draws: tuple[PhantomKind, ...] = ("normal", "pneumonia", "covid")
    return to_uint8(squeeze(draw_film(generator, draws[int(generator.integers(3))]), STORED))


def _made(kind: Kind, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a changed frontal image (S, S) turned into ``kind``; other kinds come back as they are."""
    if kind == "inverted":
        return np.asarray(1.0 - pixels, np.float32)
    quarters = {"turned-90": 3, "turned-180": 2, "turned-270": 1}.get(kind, 0)  # rot90 turns anticlockwise
    return np.ascontiguousarray(np.rot90(pixels, quarters))


def split_gate_films(films: Sequence[GateFilm]) -> tuple[list[GateFilm], list[GateFilm]]:
    """Return images to train on, and those of held-out patients; one lateral or CT image in five is held out too."""
    held = [film for film in films if is_held_out(film.patient)]
    return [film for film in films if not is_held_out(film.patient)], held
