"""What a person names on the command line, as single inputs: files, folders, tables of paths, DICOMweb archives.

Folders are walked lazily and in a fixed order, so that a million films need no list in memory. Whether a file is a
readable image is found out when it is read.
"""

from __future__ import annotations

import csv
import hmac
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from covidcxr.core.errors import ImageReadError
from covidcxr.core.types import View
from covidcxr.imaging.formats import HEAD_BYTES, sniff
from covidcxr.inference.decoding import Item
from covidcxr.inference.dicomweb import RemoteFilm, is_url, search

if TYPE_CHECKING:
    from covidcxr.imaging.dicom_facts import DicomFacts

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


@dataclass(frozen=True, kw_only=True, slots=True)
class HeaderFilter:
    """Which films to take, by what their DICOM headers say; an empty condition takes all.

    A film whose header does not say what is asked for, or that has no header, is not taken.

    Attributes:
        modalities: Such as CR, DX.
        views: Projections.
        since, until: First and last day, both included.
    """

    modalities: frozenset[str] = frozenset()
    views: frozenset[View] = frozenset()
    since: date | None = None
    until: date | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it takes everything."""
        return self == HeaderFilter()

    def takes(self, facts: DicomFacts | None) -> bool:
        """Tell whether a film with these facts is taken."""
        if facts is None or ((self.since or self.until) and facts.taken is None):
            return self.is_empty
        taken = facts.taken or date.min
        return (
            (not self.modalities or facts.modality in self.modalities)
            and (not self.views or facts.view in self.views)
            and (self.since is None or taken >= self.since)
            and (self.until is None or taken <= self.until)
        )


def choose(items: Iterable[Item], wanted: HeaderFilter) -> Iterator[Item]:
    """Yield the items that ``wanted`` takes, reading no more than their headers."""
    if wanted.is_empty:
        yield from items
        return
    from covidcxr.imaging.dicom_facts import read_facts

    for item in items:
        if isinstance(item.source, RemoteFilm):
            facts = item.source.facts()
        else:
            facts = read_facts(item.source) if isinstance(item.source, Path) else None
        if wanted.takes(facts):
            yield item


def pseudonymise(items: Iterable[Item], key: bytes, *, only_remote: bool = False) -> Iterator[Item]:
    """Yield the items under names that only the holder of ``key`` can trace back.

    A name is the first 20 digits of the HMAC-SHA-256 (RFC 2104) of the record's own: the same name for the same record
    and key, on every run. ``only_remote`` leaves the names of files, which the caller chose, as they are.
    """
    for item in items:
        if only_remote and not isinstance(item.source, RemoteFilm):
            yield item
            continue
        name = hmac.new(key, item.record_id.encode("utf-8", "surrogateescape"), "sha256").hexdigest()[:20]
        yield Item(record_id=name, source=item.source)


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
