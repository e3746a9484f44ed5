"""Predictions as rows: JSON lines, CSV, Parquet. Every row says what it is not for.

A file appears whole or not at all. Which inputs were predicted, and how, is not known here.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from covidcxr.core.artefacts import atomic_file, writing_to
from covidcxr.core.errors import OutputError
from covidcxr.core.types import Prediction

NOTICE = "research use only, not a diagnosis"
_DECIMALS = 6
_ROWS_A_GROUP = 4096


def document(prediction: Prediction) -> dict[str, Any]:
    """Return one prediction as a JSON-able dictionary, in the stable shape of ``covidcxr predict --json``."""
    return {
        "input": prediction.record_id,
        "status": prediction.status,
        "label": prediction.label,
        "probabilities": _probabilities(prediction),
        "prediction_set": list(prediction.prediction_set),
        "reasons": list(prediction.reasons),
        "warnings": list(prediction.warnings),
        "lung_fraction": prediction.lung_fraction,
        "bundle": prediction.bundle_id,
        "notice": NOTICE,
    }


def columns(classes: Sequence[str]) -> list[str]:
    """Return the columns of a table of predictions, in order."""
    shares = [f"probability/{name}" for name in classes]
    tail = ["prediction_set", "reasons", "warnings", "lung_fraction", "bundle", "notice"]
    return ["input", "status", "label", *shares, *tail]


def row(prediction: Prediction) -> dict[str, Any]:
    """Return one prediction as a flat row of `columns`; lists are joined by `` | ``."""
    found = document(prediction)
    shares = {f"probability/{name}": None for name in prediction.classes}
    shares |= {f"probability/{name}": value for name, value in found.pop("probabilities").items()}
    joined = {name: " | ".join(found[name]) for name in ("prediction_set", "reasons", "warnings")}
    flat = {**found, **joined, **shares}
    return {name: flat[name] for name in columns(prediction.classes)}


def write_predictions(path: Path, predictions: Iterable[Prediction], classes: Sequence[str]) -> Iterator[Prediction]:
    """Write ``predictions`` to ``path`` (.csv or .parquet) while yielding them on; the file appears after the last.

    Raises:
        OutputError: If the suffix is another, or the place cannot be written.
    """
    check_suffix(path)
    with atomic_file(path) as partial, table_writer(partial, classes) as table:
        for prediction in predictions:
            with writing_to(path):
                table.add(row(prediction))
            yield prediction


def check_suffix(path: Path) -> None:
    """Refuse a table that is neither CSV nor Parquet, before any work is done.

    Raises:
        OutputError: If so.
    """
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise OutputError(f"{path}: cannot write this kind of table; expected a name that ends in .csv or .parquet")


class TableWriter(Protocol):
    """Something that takes rows of `columns`, one after another."""

    def add(self, values: dict[str, Any]) -> None:
        """Take one row."""
        ...


@contextmanager
def table_writer(path: Path, classes: Sequence[str]) -> Iterator[TableWriter]:
    """Yield a writer of rows to ``path``, as its suffix says; memory does not grow with the rows."""
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


class _CsvTable:
    def __init__(self, writer: csv.DictWriter[str]) -> None:
        self._writer = writer

    def add(self, values: dict[str, Any]) -> None:
        self._writer.writerow(values)


class _ParquetTable:
    """Gathers rows and writes them a row group at a time."""

    def __init__(self, path: Path, classes: Sequence[str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        floats = {"lung_fraction", *(f"probability/{name}" for name in classes)}
        fields = [pa.field(name, pa.float32() if name in floats else pa.string()) for name in columns(classes)]
        self._table = pa.Table
        self._schema = pa.schema(fields, metadata={"notice": NOTICE})
        self._writer = pq.ParquetWriter(path, self._schema)
        self._rows: list[dict[str, Any]] = []

    def add(self, values: dict[str, Any]) -> None:
        self._rows.append(values)
        if len(self._rows) >= _ROWS_A_GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._table.from_pylist(self._rows, schema=self._schema))
            self._rows = []


def _probabilities(prediction: Prediction) -> dict[str, float]:
    if prediction.probabilities is None:
        return {}
    rounded = (round(float(value), _DECIMALS) for value in prediction.probabilities)
    return dict(zip(prediction.classes, rounded, strict=True))
