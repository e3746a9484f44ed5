"""The one reader of tables that people and other programs write: CSV as spreadsheets, R and public sources save it.

UTF-8, UTF-16 and Windows-1252; commas, semicolons, tabs or bars; padded cells and empty lines; cells of any length.
What the columns mean is known to each caller.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from covidcxr.core.errors import TableError

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_DELIMITERS = ",;\t|"
_ZIP = b"PK\x03\x04"


class Row(dict[str, str]):
    """One row: column to text, stripped; "" for what a short row lacks, and under "" what lies beyond the columns.

    ``line`` is the number of its first line in the file, from 1.
    """

    line: int = 0


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table whose rows are read as they are asked for.

    Attributes:
        path: Where it was read.
        columns: Names in file order, stripped; an unnamed column has the name "".
        encoding: utf-8, utf-8-sig, utf-16 (-le, -be) or cp1252.
        delimiter: Of its cells.
        text: All of it.
    """

    path: Path
    columns: tuple[str, ...]
    encoding: str
    delimiter: str
    text: str = field(repr=False)

    def __iter__(self) -> Iterator[Row]:
        """Yield every row that is not empty."""
        lines = _cells(self.text, self.delimiter)
        next(lines, None)
        for number, cells in lines:
            if any(cell.strip() for cell in cells):
                yield self._row(number, cells)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Every row that is not empty."""
        return tuple(self)

    def find(self, *names: str) -> str | None:
        """Return the column that has one of ``names``, the first of them that there is, whatever its case.

        Raises:
            TableError: If two columns have the name.
        """
        for name in names:
            alike = [column for column in self.columns if fold_column(column) == name]
            if len(alike) > 1:
                raise TableError(
                    f"{self.path}, line 1: the columns {alike[0]!r} and {alike[1]!r} have one name; rename one"
                )
            if alike:
                return alike[0]
        return None

    def found(self) -> str:
        """Return the columns there are, for a message."""
        text = ", ".join(name or "(unnamed)" for name in self.columns) or "nothing"
        return text if len(text) <= 600 else text[:600] + " ..."

    def _row(self, number: int, cells: list[str]) -> Row:
        row = Row(dict.fromkeys(self.columns, ""))
        row.line = number
        spilled = []
        for index, cell in enumerate(cells):
            name = self.columns[index] if index < len(self.columns) else ""
            if name:
                row[name] = cell.strip()
            elif cell.strip():
                spilled.append(cell.strip())
        row[""] = " ".join(spilled)
        return row


def open_table(path: Path) -> Table:
    """Open a table whose first line names its columns.

    Raises:
        TableError: If it cannot be read, is no text, or has a quotation mark that never closes; the message names the
            file and, for the last, the line.
    """
    text, encoding = read_any_text(path)
    first, _, rest = text.partition("\n")
    if match := re.fullmatch(r'"?sep=(.)"?\s*', first):  # what Excel writes, and reads, before the header
        delimiter, text = match[1], rest
    else:
        delimiter = max(_DELIMITERS, key=_unquoted(first).count)
    _check_quotes(path, text, delimiter)
    _, header = next(_cells(text, delimiter), (1, []))
    columns = tuple(cell.strip() for cell in header)
    return Table(path=path, columns=columns, encoding=encoding, delimiter=delimiter, text=text)


def read_any_text(path: Path) -> tuple[str, str]:
    """Return the text of a file in UTF-8, UTF-16 or Windows-1252, and which of them it is.

    Raises:
        TableError: If it cannot be read or is no text.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror}; expected a table as text") from None
    if data.startswith(_ZIP):
        raise TableError(f"{path}: an Excel workbook or another zip archive; expected CSV: save it as CSV UTF-8")
    for encoding in _encodings(data):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, encoding
    raise TableError(
        f"{path}: text in neither UTF-8, UTF-16 nor Windows-1252 (it begins with {data[:8]!r}); save it as UTF-8"
    )


def csv_rows(text: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a table that covidcxr itself wrote, as column to text; cells may be of any length."""
    _lift_limit()
    yield from csv.DictReader(io.StringIO(text, newline=""))


def fold_column(name: str) -> str:
    """Return a column's name as callers write it: "Patient ID" is ``patient_id``."""
    return re.sub(r"[\s-]+", "_", name.strip().casefold())


def read_decimal(text: str) -> float:
    """Return the number that ``text`` holds, with a decimal point or a decimal comma.

    Raises:
        ValueError: If it holds none.
    """
    cell = text.strip()
    return float(cell.replace(",", ".") if cell.count(",") == 1 and "." not in cell else cell)


def _encodings(data: bytes) -> tuple[str, ...]:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return (encoding,)
    if b"\0" in data[:64]:
        return ("utf-16-le" if data[1:2] == b"\0" else "utf-16-be",)
    return ("utf-8", "cp1252")


def _cells(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of its first line, cells) of every record; the first is the header."""
    _lift_limit()
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    number = 1
    for cells in reader:
        yield number, cells
        number = reader.line_num + 1


def _check_quotes(path: Path, text: str, delimiter: str) -> None:
    """Refuse a quotation mark that never closes: it would swallow every row below it."""
    _lift_limit()
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    try:
        for _ in reader:
            number = reader.line_num + 1
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise TableError(f"{path}, line {number}: a quotation mark that never closes; close or drop it") from None


def _unquoted(line: str) -> str:
    return re.sub(r'"[^"]*"', "", line)


def _lift_limit() -> None:
    """Let cells be of any length: the csv module's limit of 131,072 characters would lose the whole table."""
    if csv.field_size_limit() < sys.maxsize:
        csv.field_size_limit(sys.maxsize)
