"""Predictions as rows: JSON lines, CSV, Parquet. Every row says what it is not for.

Which inputs were predicted, and how, is not known here.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from covidcxr.core.errors import OutputError
from covidcxr.core.notice import ROW_NOTICE
from covidcxr.core.outside_text import cell, encodable
from covidcxr.core.types import Prediction

Row = dict[str, Any]
_DECIMALS = 6
_ROWS_A_GROUP = 4096
_JOINT = " | "
_LISTS = ("prediction_set", "reasons", "warnings")
_SHARE = "probability/"
_LUNGS = "lung_fraction"


def document(prediction: Prediction) -> dict[str, Any]:
    """Return one prediction as a JSON-able dictionary, in the stable shape of ``covidcxr predict --json``."""
    return {
        "input": prediction.record_id,
        "patient": prediction.patient,
        "status": prediction.status,
        "label": prediction.label,
        "probabilities": _probabilities(prediction),
        "prediction_set": list(prediction.prediction_set),
        "reasons": list(prediction.reasons),
        "warnings": list(prediction.warnings),
        _LUNGS: prediction.lung_fraction,
        "bundle": prediction.bundle_id,
        "notice": ROW_NOTICE,
    }


def columns(classes: Sequence[str]) -> list[str]:
    """Return the columns of a table of predictions, in order."""
    return [
        "input",
        "patient",
        "status",
        "label",
        *(_SHARE + name for name in classes),
        *_LISTS,
        _LUNGS,
        "bundle",
        "notice",
    ]


def to_row(prediction: Prediction) -> Row:
    """Return one prediction as a flat row of `columns`; lists are joined by `` | ``."""
    found = document(prediction)
    shares = found.pop("probabilities")
    found |= {name: _JOINT.join(found[name]) for name in _LISTS}
    found |= {_SHARE + name: shares.get(name) for name in prediction.classes}
    return {name: _encodable(found[name]) for name in columns(prediction.classes)}


def _encodable(value: Any) -> Any:
    return encodable(value) if isinstance(value, str) else value


def row_document(row: Row) -> dict[str, Any]:
    """Return what `document` gives for the prediction that a row was made of."""
    numbers = _rounded(row)
    shares = {name.removeprefix(_SHARE): value for name, value in numbers.items() if name.startswith(_SHARE)}
    lists = {name: row[name].split(_JOINT) if row[name] else [] for name in _LISTS}
    head = {**{name: row[name] for name in ("input", "patient", "status", "label")}, "probabilities": shares}
    fraction = numbers.get(_LUNGS)
    return {**head, **lists, _LUNGS: fraction, "bundle": row["bundle"], "notice": row["notice"]}


def check_suffix(path: Path) -> None:
    """Refuse a table that is neither CSV nor Parquet, before any work is done.

    Raises:
        OutputError: If so.
    """
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise OutputError(f"{path}: cannot write this kind of table; expected a name that ends in .csv or .parquet")


def is_own_table(path: Path) -> bool:
    """Tell whether a file is a table that `table_writer` wrote."""
    if path.suffix.lower() == ".parquet":
        import pyarrow.parquet as pq

        try:
            return b"notice" in (pq.read_schema(path).metadata or {})
        except (OSError, ValueError):  # pyarrow's own errors are ValueErrors
            return False
    start = ",".join(columns(())[:4]).encode()
    with path.open("rb") as stream:
        return stream.read(len(start)) == start


def names_path(out: Path) -> Path:
    """Return where the table that traces the pseudonyms in ``out`` back is: input, name, path."""
    return out.with_name(f"{out.stem}.names.csv")


class TableWriter(Protocol):
    """Something that takes rows of `columns`, one after another."""

    def add(self, row: Row) -> None:
        """Take one row."""
        ...


@contextmanager
def table_writer(path: Path, classes: Sequence[str]) -> Iterator[TableWriter]:
    """Yield a writer of rows to ``path``, CSV or Parquet as its suffix says; memory does not grow with the rows."""
    if path.suffix.lower() == ".parquet":
        parquet = _ParquetTable(path, classes)
        try:
            yield parquet
        finally:
            parquet.close()
        return
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns(classes), lineterminator="\n")
        writer.writeheader()
        yield _CsvTable(writer)


def read_parquet_rows(path: Path) -> list[Row]:
    """Return the rows of one Parquet table of predictions."""
    import pyarrow.parquet as pq

    rows: list[Row] = pq.read_table(path).to_pylist()
    return rows


class _CsvTable:
    def __init__(self, writer: csv.DictWriter[str]) -> None:
        self._writer = writer

    def add(self, row: Row) -> None:
        self._writer.writerow({name: cell(value) for name, value in {**row, **_rounded(row)}.items()})


class _ParquetTable:
    """Gathers rows and writes them a row group at a time."""

    def __init__(self, path: Path, classes: Sequence[str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        floats = {_LUNGS, *(_SHARE + name for name in classes)}
        fields = [pa.field(name, pa.float32() if name in floats else pa.string()) for name in columns(classes)]
        self._table = pa.Table
        self._schema = pa.schema(fields, metadata={"notice": ROW_NOTICE})
        self._writer = pq.ParquetWriter(path, self._schema)
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) >= _ROWS_A_GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._table.from_pylist(self._rows, schema=self._schema))
            self._rows = []


def _rounded(row: Row) -> dict[str, float]:
    """Return the numbers of a row; Parquet has them as float32."""
    return {
        name: round(float(value), _DECIMALS)
        for name, value in row.items()
        if (name.startswith(_SHARE) or name == _LUNGS) and value is not None
    }


def _probabilities(prediction: Prediction) -> dict[str, float]:
    if prediction.probabilities is None:
        return {}
    rounded = (round(float(value), _DECIMALS) for value in prediction.probabilities)
    return dict(zip(prediction.classes, rounded, strict=True))
