"""Predictions that somebody already made, as a file, in the place of a network.

It is what `covidcxr predict --out` or a report wrote, or another program's table: a column that names the image
(``record_id``, ``input``, ``path`` or ``file``) and a probability for each class (``probability/CLASS`` or ``CLASS``).
Pseudonyms are traced back with the table of names that `predict --out` wrote beside it, where that still is.
Whether the predictions fit a cohort is checked by `covidcxr.evaluation.cohort`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.csv_tables import fold_column, open_table, read_decimal
from covidcxr.core.errors import EvaluationError, TableError
from covidcxr.core.labels import find_label
from covidcxr.core.types import Prediction
from covidcxr.outputs.predictions import names_path, read_parquet_rows

_NAMES = ("record_id", "input", "path", "file", "filename", "image")
_SHARE = "probability/"
_UNJUDGED = ("refuse", "error")
_PSEUDONYM = re.compile(r"[0-9a-f]{20}(#\d+)?")
_MAX_PARTS = 4  # of a path, to tell images of the same file name apart


class PredictionFile:
    """A table of predictions, asked as a predictor is.

    Args:
        path: CSV, or Parquet.
        classes: Of the bundle, in its order.
        bundle_id: Of the bundle; a table that names another one is refused.

    Raises:
        EvaluationError: If it is no such table, lacks a class, has one that the bundle does not have, has a cell that
            is no number, names nothing but pseudonyms that nobody can trace back, or was made by another bundle.
    """

    def __init__(self, path: Path, classes: Sequence[str], *, bundle_id: str = "") -> None:
        self.path = path
        self.classes = tuple(classes)
        columns, self._rows = _read(path)
        self._name = next((name for wanted in _NAMES for name in columns if fold_column(name) == wanted), "")
        if not self._name:
            raise EvaluationError(
                f"{path}: no column that names the image (found: {', '.join(columns)}); expected one of "
                f"{', '.join(_NAMES)}"
            )
        self._paths = _named_paths(path)
        if not self._paths and all(_PSEUDONYM.fullmatch(str(row[self._name])) for row in self._rows):
            raise EvaluationError(
                f"{path}: names its images by pseudonyms; put {names_path(path).name}, which predict wrote beside it, "
                "there again, or predict --identified"
            )
        self._columns = _class_columns(path, columns, self.classes)
        others = sorted({str(row.get("bundle") or bundle_id) for row in self._rows} - {bundle_id})
        if bundle_id and others:
            raise EvaluationError(
                f"{path}: predicted by the bundle {others[0]}; expected {bundle_id}; predict with this bundle, or "
                "evaluate that one"
            )

    @property
    def device(self) -> str:
        """What the predictions come from, in words."""
        return f"the predictions of {self.path.name}"

    def predict(self, inputs: Iterable[Path], record_ids: Iterable[str]) -> Iterator[Prediction]:
        """Yield every row as a prediction, under the record_id of the input it names, by that or by its path."""
        known = dict(zip(record_ids, inputs, strict=True))
        by_tail, parts = _tails(known)
        found = []
        for position, row in enumerate(self._rows, start=2):
            number = getattr(row, "line", position)
            name = str(row[self._name] or "")
            name = self._paths.get(name, name)
            record_id = name if name in known else by_tail.get(_tail(name, parts), name)
            found.append((record_id, number, row))
        cohorts = {row["cohort"] for record_id, _, row in found if "cohort" in row and record_id in known}
        for record_id, number, row in found:
            if not cohorts or row["cohort"] in cohorts:
                yield self._prediction(record_id, row, f"{self.path}, row {number}")

    def _prediction(self, record_id: str, row: Mapping[str, Any], where: str) -> Prediction:
        if (status := row.get("status")) in _UNJUDGED:
            reasons = tuple(str(row.get("reasons") or "").split(" | "))
            return Prediction(record_id=record_id, status=status, classes=self.classes, reasons=reasons)
        shares = np.array([_number(row[column], f"{where}, {column}") for column in self._columns], dtype=np.float32)
        return Prediction(
            record_id=record_id,
            status="ok",
            classes=self.classes,
            probabilities=shares,
            label=_label(self.classes, shares),
        )


def _read(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    try:
        if path.suffix.lower() == ".parquet":
            rows = read_parquet_rows(path)
            columns = list(rows[0]) if rows else []
        else:
            table = open_table(path)
            columns, rows = list(table.columns), list(table)
    except (OSError, ValueError, TableError) as error:
        raise EvaluationError(
            f"{path}: cannot be read as a table of predictions ({error}); expected CSV, or Parquet"
        ) from error
    if not rows:
        raise EvaluationError(f"{path}: no row; expected one prediction an image")
    return columns, rows


def _named_paths(table: Path) -> dict[str, str]:
    """Return pseudonym to path, or to name where there is none; empty if no table of names lies beside ``table``."""
    try:
        with names_path(table).open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
            return {row["input"]: row["path"] or row["name"] for row in csv.DictReader(stream)}
    except (OSError, KeyError):
        return {}


def _class_columns(path: Path, columns: Sequence[str], classes: Sequence[str]) -> tuple[str, ...]:
    """Return the column of each class: ``probability/CLASS`` where there is any such column, else ``CLASS``."""
    shares = {name: name.removeprefix(_SHARE) for name in columns if name.startswith(_SHARE)}
    named = shares or {name: name for name in columns if find_label(name, classes)}
    unknown = [name for name in named.values() if find_label(name, classes) is None]
    by_class: dict[str | None, str] = {}
    for column, name in named.items():
        label = find_label(name, classes)
        if label is not None and by_class.setdefault(label, column) != column:
            raise EvaluationError(
                f"{path}: the columns {by_class[label]!r} and {column!r} would both be the probability of {label}; "
                "rename one, or leave it out"
            )
    missing = [label for label in classes if label not in by_class]
    if unknown or missing:
        fault = f"no probability of {', '.join(missing)}" if missing else f"probabilities of {', '.join(unknown)}"
        raise EvaluationError(
            f"{path}: {fault} (found: {', '.join(columns)}); expected a column for each of the bundle's classes, "
            f"{', '.join(classes)}"
        )
    return tuple(by_class[label] for label in classes)


def _tails(known: Mapping[str, Path]) -> tuple[dict[str, str], int]:
    """Return record_ids by as few last parts of their path as tell them apart, and how many parts those are."""
    for parts in range(1, _MAX_PARTS + 1):
        by_tail = {_tail(str(path), parts): record_id for record_id, path in known.items()}
        if len(by_tail) == len(known):
            return by_tail, parts
    return {}, 1


def _tail(name: str, parts: int) -> str:
    return "/".join(PurePosixPath(name.replace("\\", "/")).parts[-parts:])


def _number(cell: object, where: str) -> float:
    text = "" if cell is None else str(cell).strip()
    try:
        return read_decimal(text) if text else float("nan")
    except ValueError:
        raise EvaluationError(f"{where}: found {text!r}; expected a probability from 0 to 1") from None


def _label(classes: Sequence[str], shares: NDArray[np.float32]) -> str | None:
    return classes[int(shares.argmax())] if np.isfinite(shares).all() else None
