"""CSV tables as the sources publish them: in UTF-8 or Windows-1252, with stray columns, every value a string.

What the columns mean is known to each source.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from covidcxr.core.errors import SourceError

_ENCODINGS = ("utf-8-sig", "cp1252")


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A CSV file.

    Attributes:
        path: Where it was read.
        columns: Names in file order, stripped; an unnamed column has the name "".
        rows: Column name to value, stripped; a short row has "" for what it lacks. Values beyond the named columns
            are joined under "".
        first_line: Number that a person would give the first row (the header is row 1).
        encoding: utf-8-sig or cp1252.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    encoding: str
    first_line: int = 2


def read_table(path: Path, *, required: Iterable[str], release: str) -> Table:
    """Read a CSV file whose header must hold the ``required`` columns.

    Raises:
        SourceError: If the file cannot be read or decoded, is no CSV, or lacks a column; the message names the
            file, the columns found and the expected ``release``.
    """
    text, encoding = _decode(path, release)
    try:
        lines = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise SourceError(f"{path}: not a readable CSV file: {error}; expected the layout of {release}") from None
    columns = tuple(cell.strip() for cell in lines[0]) if lines else ()
    missing = [name for name in required if name not in columns]
    if missing:
        names = ", ".join(repr(name) for name in missing)
        found = ", ".join(name or "(unnamed)" for name in columns) or "an empty file"
        raise SourceError(f"{path}: no column {names} (found: {_shorten(found)}); expected the layout of {release}")
    rows = tuple(_row(columns, cells) for cells in lines[1:] if any(cell.strip() for cell in cells))
    return Table(path=path, columns=columns, rows=rows, encoding=encoding)


def read_text(path: Path, release: str) -> str:
    """Return the text of a small list file in UTF-8 or Windows-1252.

    Raises:
        SourceError: If it cannot be read or decoded.
    """
    return _decode(path, release)[0]


def _row(columns: tuple[str, ...], cells: list[str]) -> dict[str, str]:
    row = dict.fromkeys(columns, "")
    spilled = []
    for index, cell in enumerate(cells):
        name = columns[index] if index < len(columns) else ""
        if name:
            row[name] = cell.strip()
        elif cell.strip():
            spilled.append(cell.strip())
    row[""] = " ".join(spilled)
    return row


def _decode(path: Path, release: str) -> tuple[str, str]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}; expected the layout of {release}") from None
    if b"\0" not in data:
        for encoding in _ENCODINGS:
            try:
                return data.decode(encoding), encoding
            except UnicodeDecodeError:
                continue
    raise SourceError(
        f"{path}: text in neither UTF-8 nor Windows-1252 (it begins with {data[:8]!r}); save it as UTF-8; "
        f"expected the layout of {release}"
    )


def _shorten(text: str, limit: int = 600) -> str:
    return text if len(text) <= limit else text[:limit] + " ..."
