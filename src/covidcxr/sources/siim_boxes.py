"""Boxes of siim-covid19: in pixels of originals whose sizes may be unknown, to shares of the image.

The size of an original comes from its DICOM header, else from ``meta.csv``, else from ``siim_sizes.csv.gz`` beside this
file, which estimates it for the images that have boxes: from the grid on which boxes were drawn where that fixes the
height, else as the likeliest known size that puts the boxes over the lungs. On 187 images whose height the grid fixes,
the second way erred by -3.8 to +11.5 % (5th to 95th percentile, median 0). No command remakes that table yet. Boxes of
an image of unknown size are reported and left out. Which image they belong to is known to
`covidcxr.sources.siim_covid19`.
"""

from __future__ import annotations

import csv
import functools
import gzip
import io
import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from covidcxr.core.errors import SourceError
from covidcxr.core.types import Box
from covidcxr.sources.tables import read_table

if TYPE_CHECKING:
    from covidcxr.imaging.dicom.facts import DicomFacts

_SIZES = "meta.csv"
_NUMBER = r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
_BOX = re.compile(rf"\{{'x': {_NUMBER}, 'y': {_NUMBER}, 'width': {_NUMBER}, 'height': {_NUMBER}\}}")
_EDGE = 0.005  # share of the image by which a box may cross its border: annotators' rounding
_NAMED = 5  # images that a note names

_UNREADABLE = "boxes do not parse; expected [{'x': .., 'y': .., 'width': .., 'height': ..}, ..]"
_UNKNOWN_SIZE = "boxes left out, because they are in pixels of an original whose size is unknown"
_OUTSIDE = "a box left out, because it is empty or not inside the image"

Size = tuple[int, int]  # rows, columns


@dataclass(frozen=True, slots=True)
class Sizes:
    """Image to the (rows, columns) of its original: as stated, and as estimated."""

    stated: Mapping[str, Size]
    estimated: Mapping[str, Size]


class Boxes:
    """Boxes as shares of the image, and what was wrong with them."""

    def __init__(self, sizes: Sizes) -> None:
        self._sizes = sizes
        self._faults: defaultdict[str, list[str]] = defaultdict(list)
        self._num_estimated = 0

    def of(self, image: str, text: str, facts: DicomFacts) -> tuple[Box, ...]:
        """Return the boxes of one image that could be placed; the rest is counted for `notes`."""
        if not text:
            return ()
        drawn = [tuple(map(float, match)) for match in _BOX.findall(text)]
        if (
            not drawn
            or _BOX.sub("", text).strip("[], ")
            or not all(math.isfinite(side) for box in drawn for side in box)
        ):
            self._faults[_UNREADABLE].append(image)
            return ()
        size = self._size(image, facts)
        if size is None:
            self._faults[_UNKNOWN_SIZE].append(image)
            return ()
        placed = [_placed(box, size) for box in drawn]
        if None in placed:
            self._faults[_OUTSIDE].append(image)
        return tuple(box for box in placed if box is not None)

    def _size(self, image: str, facts: DicomFacts) -> Size | None:
        if facts.rows and facts.columns:
            return facts.rows, facts.columns
        if image in self._sizes.stated:
            return self._sizes.stated[image]
        if image in self._sizes.estimated:
            self._num_estimated += 1
            return self._sizes.estimated[image]
        return None

    def notes(self) -> tuple[str, ...]:
        """Return a sentence for each kind of fault, and one on estimated sizes."""
        notes = [f"{len(images):,} images: {fault} ({_some(images)})" for fault, images in self._faults.items()]
        if self._num_estimated:
            notes.append(
                f"{self._num_estimated:,} images: boxes placed by an estimate of the original's size "
                "(no DICOM header, no meta.csv)"
            )
        return tuple(notes)


def _placed(box: tuple[float, ...], size: Size) -> Box | None:
    """Return the box as shares of the image; None if it is empty or not inside."""
    x, y, width, height = box
    rows, columns = size
    left, top, right, bottom = x / columns, y / rows, (x + width) / columns, (y + height) / rows
    if width <= 0 or height <= 0 or min(left, top) < -_EDGE or max(right, bottom) > 1 + _EDGE:
        return None
    left, top, right, bottom = (min(max(value, 0.0), 1.0) for value in (left, top, right, bottom))
    return Box(
        label="opacity",
        left=round(left, 5),
        top=round(top, 5),
        width=round(right - left, 5),
        height=round(bottom - top, 5),
    )


def table_of_sizes(folder: Path) -> Sizes:
    """Return the sizes of ``meta.csv``, if it is there, and the estimates that ship with covidcxr."""
    stated: dict[str, Size] = {}
    if (folder / _SIZES).is_file():
        table = read_table(folder / _SIZES, required=("image_id", "dim0", "dim1"), release="a resized copy's meta.csv")
        for number, row in enumerate(table.rows, start=2):
            if not (row["dim0"].isdecimal() and row["dim1"].isdecimal() and int(row["dim0"]) and int(row["dim1"])):
                raise SourceError(
                    f"{table.path}, line {number}: size {row['dim0']!r} x {row['dim1']!r} of {row['image_id']!r}; "
                    "expected rows and columns in pixels"
                )
            stated[row["image_id"].removesuffix("_image")] = int(row["dim0"]), int(row["dim1"])
    return Sizes(stated, estimated_sizes())


@functools.cache
def estimated_sizes() -> dict[str, Size]:
    """Return image to the estimated (rows, columns) of its original, in pixels."""
    data = resources.files(__package__).joinpath("siim_sizes.csv.gz").read_bytes()
    rows = csv.DictReader(io.StringIO(gzip.decompress(data).decode()))
    return {row["image"]: (int(row["rows"]), int(row["columns"])) for row in rows}


def _some(images: list[str]) -> str:
    return ", ".join(images[:_NAMED]) + (", ..." if len(images) > _NAMED else "")
