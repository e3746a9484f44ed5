"""What the lung network learns from: images with masks, images without lungs, and images it labelled itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import TrainingError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.types import Record, View
from covidcxr.imaging.encoding import to_uint8
from covidcxr.imaging.preprocess import squeeze
from covidcxr.imaging.reading import read
from covidcxr.shipped.not_radiographs import draw_other_picture, tear_film
from covidcxr.sources import SOURCES

_MASKED_SOURCE = "covid-chestxray-dataset"
_CHILDREN_SOURCE = "chest-xray-pneumonia"
HELD_OUT_PARTS = 5  # one patient in five is kept for measuring
_SMALL = 0.01  # share of the image under which a component is a slip of the pen


@dataclass(frozen=True, kw_only=True, eq=False)
class LungExample:
    """One image squeezed to a square, with its two lungs.

    Attributes:
        name: Such as ``source:key``.
        patient: Images of one patient are on one side of the held-out line.
        pixels: uint8 (S, S).
        right, left: bool (S, S); the patient's right lung lies on the image's left. Empty if there are none.
        weight: How often it is drawn, relative to the others.
    """

    name: str
    patient: str
    pixels: NDArray[np.uint8]
    right: NDArray[np.bool_]
    left: NDArray[np.bool_]
    weight: float = 1.0

    @property
    def has_lungs(self) -> bool:
        """Whether the image shows lung fields."""
        return bool(self.right.any() or self.left.any())

    @property
    def held_out(self) -> bool:
        """Whether the patient belongs to the part that is never trained on."""
        return is_held_out(self.patient)

    def film(self) -> NDArray[np.float32]:
        """Return the pixels as (S, S) in [0, 1]."""
        return self.pixels.astype(np.float32) / np.float32(255)

    def masks(self) -> NDArray[np.float32]:
        """Return (2, S, S), right and left, 0 or 1."""
        return np.stack([self.right, self.left]).astype(np.float32)


def divide_lungs(mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return (right, left) of a mask (H, W) that holds both lungs of a frontal image.

    Thin cracks (a drawn box cut one mask of the release) are closed first. The two largest components are the
    lungs; smaller ones go to the nearer of them; slips under 1 % of the image are dropped.
    """
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, parts, statistics, centres = cv2.connectedComponentsWithStats(closed)
    areas = statistics[1:, cv2.CC_STAT_AREA]
    kept = [index + 1 for index in np.argsort(-areas) if areas[index] > _SMALL * mask.size]
    empty = np.zeros(mask.shape, dtype=bool)
    if count <= 1 or not kept:
        return empty, empty.copy()
    if len(kept) == 1:
        lung = parts == kept[0]
        return (lung, empty) if centres[kept[0]][0] < mask.shape[1] / 2 else (empty, lung)
    first, second = sorted(kept[:2], key=lambda index: float(centres[index][0]))
    right, left = parts == first, parts == second
    for index in kept[2:]:
        gap_right = abs(centres[index][0] - centres[first][0])
        gap_left = abs(centres[index][0] - centres[second][0])
        if gap_right < gap_left:
            right = right | (parts == index)
        else:
            left = left | (parts == index)
    return right, left


def is_held_out(patient: str) -> bool:
    """Return whether images of ``patient`` ("source:name") are only measured on, by a hash of the name."""
    name = patient.partition(":")[2] or patient
    return hashlib.sha256(name.encode()).digest()[0] % HELD_OUT_PARTS == 0


@dataclass(frozen=True, kw_only=True)
class DrawnMasks:
    """Masks drawn by hand for images of covid-chestxray-dataset, by image stem."""

    paths: Mapping[str, Path]

    def mask(self, record: Record) -> NDArray[np.bool_] | None:
        """Return the mask (H, W), an empty one for images known to show no lung fields, or None."""
        path = self.paths.get(record.path.stem) if record.source == _MASKED_SOURCE else None
        if path is not None:
            return read(path).pixels > 0
        if record.view in (View.LATERAL, View.CT) or record.modality == "CT":
            return np.zeros((1, 1), dtype=bool)
        return None


def drawn_masks(folder: Path) -> DrawnMasks:
    """Return the masks ``<image stem>.png`` of a folder; above 0 is lung."""
    return DrawnMasks(paths={path.stem: path for path in sorted(folder.glob("*.png"))})


@dataclass(frozen=True, kw_only=True)
class LungFilms:
    """What `gather_lung_films` found.

    Attributes:
        examples: Images with a mask drawn by hand, and images known to show no lung fields (CT, lateral).
        unlabelled: Records of frontal images without a mask, for self-training.
        records: Every record, labelled or not.
    """

    examples: tuple[LungExample, ...]
    records: tuple[Record, ...]
    unlabelled: tuple[Record, ...]


def gather_lung_films(
    root: Path, masks: Path, *, size: int, children: int, generator: np.random.Generator, progress: Progress = SILENT
) -> LungFilms:
    """Return the images with and without masks among the public sources.

    Args:
        root: Folder of the public sources, each in its native layout.
        masks: Folder of ``<image stem>.png`` for images of covid-chestxray-dataset; above 0 is lung.
        size: Side of the squares the examples are squeezed to.
        children: At most so many images of chest-xray-pneumonia are taken, drawn at random.
        generator: For that draw.
        progress: Follows the reading.

    Raises:
        TrainingError: If there is no mask, or covid-chestxray-dataset is not below ``root``.
    """
    drawn = drawn_masks(masks)
    records = _records(root, children, generator)
    if not drawn.paths or not any(record.source == _MASKED_SOURCE for record in records):
        raise TrainingError(
            f"{masks}: {len(drawn.paths)} masks, and {root}: {len(records)} images; expected masks named after the "
            f"images of {_MASKED_SOURCE}, and that source below the sources' folder"
        )
    examples, unlabelled = [], []
    for record in progress.track(records, total=len(records), label="films"):
        mask = drawn.mask(record)
        if mask is None:
            unlabelled.append(record)
            continue
        examples.append(make_example(record, read(record.path).pixels, *divide_lungs(mask), size=size))
    return LungFilms(examples=tuple(examples), records=tuple(records), unlabelled=tuple(unlabelled))


def other_examples(
    count: int, size: int, generator: np.random.Generator, *, films: Sequence[LungExample]
) -> Iterator[LungExample]:
    """Yield ``count`` pictures without lung fields: other pictures, and images torn into tiles."""
    empty = np.zeros((size, size), dtype=bool)
    for number in range(count):
        if films and generator.random() < 0.25:
            pixels = tear_film(films[int(generator.integers(len(films)))].pixels, generator)
        else:
            pixels = draw_other_picture(generator, size)
        name = f"other:{number}"
        yield LungExample(name=name, patient=name, pixels=pixels, right=empty, left=empty, weight=0.5)


def make_example(
    record: Record,
    pixels: NDArray[np.float32],
    right: NDArray[np.bool_],
    left: NDArray[np.bool_],
    *,
    size: int,
    weight: float = 1.0,
) -> LungExample:
    """Return an image (H, W) and its two masks, of any size, squeezed to ``size`` as one example."""
    square = [
        cv2.resize(mask.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA) > 0.5 for mask in (right, left)
    ]
    return LungExample(
        name=record.record_id,
        patient=record.patient_id or record.record_id,
        pixels=to_uint8(squeeze(pixels, size)),
        right=square[0],
        left=square[1],
        weight=weight,
    )


def _records(root: Path, children: int, generator: np.random.Generator) -> list[Record]:
    found = []
    for name, source in SOURCES.items():
        folder = source().locate(root)
        if folder is None:
            continue
        records = list(source().read(folder).records)
        if name == _CHILDREN_SOURCE and len(records) > children:
            chosen = generator.choice(len(records), size=children, replace=False)
            records = [records[index] for index in sorted(chosen)]
        found += records
    return found
