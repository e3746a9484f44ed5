"""Tables as the sources publish them: `covidcxr.core.csv_tables` with the columns and the release that are expected.

What the columns mean is known to each source.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from covidcxr.core.csv_tables import Table, open_table, read_any_text
from covidcxr.core.errors import SourceError, TableError


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Rows that claim images: column to value, and where they stand.

    ``first_line`` is the number that a person would give the first of them.
    """

    path: Path
    rows: tuple[dict[str, str], ...]
    first_line: int

    @classmethod
    def of(cls, table: Table) -> Rows:
        """Return the rows of a table, whose header is row 1."""
        return cls(path=table.path, rows=table.rows, first_line=2)


def read_table(path: Path, *, required: Iterable[str], release: str) -> Table:
    """Read a table whose header must hold the ``required`` columns.

    Raises:
        SourceError: If the file cannot be read or decoded, or lacks a column; the message names the file, the columns
            found and the expected ``release``.
    """
    try:
        table = open_table(path)
    except TableError as error:
        raise SourceError(f"{error}; expected the layout of {release}") from None
    missing = [name for name in required if name not in table.columns]
    if missing:
        names = ", ".join(repr(name) for name in missing)
        found = table.found() if table.columns else "an empty file"
        raise SourceError(f"{path}: no column {names} (found: {found}); expected the layout of {release}")
    return table


def read_text(path: Path, release: str) -> str:
    """Return the text of a small list file in UTF-8, UTF-16 or Windows-1252.

    Raises:
        SourceError: If it cannot be read or decoded.
    """
    try:
        return read_any_text(path)[0]
    except TableError as error:
        raise SourceError(f"{error}; expected the layout of {release}") from None
