"""What a person names on the command line, as single inputs: files, folders, tables of paths, DICOMweb archives.

Folders are walked lazily and in a fixed order, so that a million films need no list in memory. Whether a file is a
readable image is found out when it is read; which of them are wanted, in `covidcxr.inference.intake`.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.formats import HEAD_BYTES, sniff
from covidcxr.inference.decoding import Item
from covidcxr.inference.dicomweb import is_url, search

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".dcm", ".dicom", ".nii", ".gz"}
)
_PATH_COLUMNS = ("path", "file", "filename", "image", "input")
_SKIPPED_NAMES = frozenset({"DICOMDIR"})


def expand(paths: Iterable[Path]) -> Iterator[Item]:
    """Yield every input that ``paths`` name, in their order.

    A file is itself, even if it is missing: its result then says so. A folder is every image below it, sorted by name
    within each folder: files whose name or first bytes are an image's. A ``.csv`` file is a table with a column
    ``path`` (or file, filename, image, input), relative to the table's folder, and, if it has one, a column
    ``record_id``.

    Raises:
        ImageReadError: If a folder holds no image, or a table has no column of paths.
    """
    for path in paths:
        if path.is_dir():
            yield from _folder(path)
        elif path.suffix.lower() == ".csv" and path.is_file():
            yield from _table(path)
        else:
            yield Item(record_id=str(path), source=path)


def expand_named(names: Iterable[str], *, modalities: frozenset[str] = frozenset()) -> Iterator[Item]:
    """Yield every input that ``names`` name: paths as in `expand`, or URLs of a DICOMweb archive.

    Raises:
        ImageReadError: As `expand`.
        ArchiveError: If an archive does not answer.
    """
    for name in names:
        if is_url(name):
            yield from (Item(record_id=film.url, source=film) for film in search(name, modalities=modalities))
        else:
            yield from expand([Path(name)])


def _folder(folder: Path) -> Iterator[Item]:
    is_empty = True
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(root, name)
            if not name.startswith(".") and name not in _SKIPPED_NAMES and _may_be_image(path):
                is_empty = False
                yield Item(record_id=str(path), source=path)
    if is_empty:
        raise ImageReadError(
            f"{folder}: no image in this folder; expected PNG, JPEG, DICOM, ... files", reason="missing"
        )


def _may_be_image(path: Path) -> bool:
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return True
    try:
        if not path.is_file():  # opening a pipe would wait for ever
            return False
        with path.open("rb") as stream:
            return sniff(stream.read(HEAD_BYTES)) is not None
    except OSError:
        return True  # its result will say why it cannot be opened


def _table(path: Path) -> Iterator[Item]:
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
        rows = csv.DictReader(stream)
        columns = rows.fieldnames or []
        column = next((name for name in _PATH_COLUMNS if name in columns), None)
        if column is None:
            raise ImageReadError(
                f"{path}: no column of paths (found: {', '.join(columns) or 'nothing'}); expected one named "
                f"{', '.join(_PATH_COLUMNS)}",
                reason="text",
            )
        for row in rows:
            named = row.get(column)
            if not named:
                continue
            image = path.parent / named
            yield Item(record_id=row.get("record_id") or str(image), source=image)
