"""What a person names on the command line, as single inputs: files, folders, tables of paths, DICOMweb archives.

Folders are walked lazily and in a fixed order, so that a million images need no list in memory. Whether a file is a
readable image is found out when it is read; which of them are wanted, in `covidcxr.inference.intake`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from covidcxr.core.csv_tables import open_table
from covidcxr.core.errors import ImageReadError
from covidcxr.core.left_out import LeftOut, Tell, ignore, left_out_sentence
from covidcxr.imaging.image_files import walk_images
from covidcxr.inference.decoding import Item
from covidcxr.inference.dicomweb import is_url, search

_NOTED = 10_000  # of what a folder without an image holds, for the message
_PATH_COLUMNS = ("path", "file", "filename", "image", "input")


def expand(paths: Iterable[Path], *, tell: Tell = ignore) -> Iterator[Item]:
    """Yield every input that ``paths`` name, in their order.

    A file is itself, even if it is missing: its result then says so. A folder is every image below it (see
    `covidcxr.imaging.image_files.walk_images`). A ``.csv`` file is a table with a column ``path`` (or file, filename,
    image, input), relative to the table's folder, and, if it has one, a column ``record_id``. ``tell`` hears of
    everything in a folder or table that is passed over.

    Raises:
        ImageReadError: If a folder holds no image, or a table has no column of paths or no path.
        TableError: If a table cannot be read as one.
    """
    for path in paths:
        if path.is_dir():
            yield from _folder(path, tell)
        elif path.suffix.lower() == ".csv" and path.is_file():
            yield from _table(path, tell)
        else:
            yield Item(record_id=str(path), source=path)


def expand_named(
    names: Iterable[str], *, modalities: frozenset[str] = frozenset(), tell: Tell = ignore
) -> Iterator[Item]:
    """Yield every input that ``names`` name: paths as in `expand`, or URLs of a DICOMweb archive.

    Raises:
        ImageReadError, TableError: As `expand`.
        ArchiveError: If an archive does not answer.
    """
    for name in names:
        if is_url(name):
            yield from (Item(record_id=film.url, source=film) for film in search(name, modalities=modalities))
        else:
            yield from expand([Path(name)], tell=tell)


def _folder(folder: Path, tell: Tell) -> Iterator[Item]:
    passed: list[LeftOut] = []

    def note(item: LeftOut) -> None:
        if len(passed) < _NOTED:
            passed.append(item)
        tell(item)

    is_empty = True
    for path in walk_images(folder, tell=note):
        is_empty = False
        yield Item(record_id=str(path), source=path)
    if is_empty:
        beside = f" ({left_out_sentence(passed)})" if passed else ""
        raise ImageReadError(
            f"{folder}: no image in this folder{beside}; expected PNG, JPEG, DICOM, ... files", reason="missing"
        )


def _table(path: Path, tell: Tell) -> Iterator[Item]:
    table = open_table(path)
    column, names = table.find(*_PATH_COLUMNS), table.find("record_id")
    if column is None:
        raise ImageReadError(
            f"{path}: no column of paths (found: {table.found()}); expected one named {', '.join(_PATH_COLUMNS)}",
            reason="text",
        )
    is_empty = True
    for row in table:
        if not row[column]:
            tell(LeftOut(path=f"{path}, line {row.line}", rule="no-path", detail=f"no path in column {column!r}"))
            continue
        is_empty = False
        image = path.parent / row[column]
        yield Item(record_id=(names and row[names]) or str(image), source=image)
    if is_empty:
        raise ImageReadError(f"{path}: no row names an image; expected a path in column {column!r}", reason="text")
