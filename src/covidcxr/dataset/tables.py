"""The rows of manifest.csv and exclusions.csv: samples and exclusions as text, and back.

Where the tables are kept, and what guards them, is known to `covidcxr.dataset.manifest`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from covidcxr.core.csv_tables import csv_rows
from covidcxr.core.outside_text import cells, from_cell
from covidcxr.core.types import SPLITS, Box, Exclusion, Record, Sample, Sex, Split, View

ADULT_YEARS = 18.0

MANIFEST_COLUMNS = (
    *(
        "record_id",
        "source",
        "path",
        "file_name",
        "source_path",
        "patient_id",
        "group_id",
        "study_id",
        "split",
        "label",
    ),
    *("view", "view_verbatim", "modality", "finding", "record_label", "label_kind", "record_split"),
    *("sex", "sex_verbatim", "age_years", "age_group", "age_verbatim", "day_offset", "offset_verbatim"),
    *("licence", "url", "notes"),
    *("sha256", "phash", "rows", "columns", "bits_stored"),
)
BOX_COLUMNS = ("record_id", "label", "left", "top", "width", "height")
EXCLUSION_COLUMNS = ("record_id", "source", "path", "rule", "detail", "group_id")

_AGE_SPAN = re.compile(r"(\d+)-(\d+) years")
_RECORD_FIELDS = (
    *("record_id", "source", "patient_id", "study_id", "view", "view_verbatim", "modality", "finding"),
    *("sex", "sex_verbatim", "age_years", "age_verbatim", "day_offset", "offset_verbatim", "licence", "url", "notes"),
)
_SAMPLE_FIELDS = ("group_id", "split", "label", "sha256", "phash", "rows", "columns", "bits_stored")


def sample_row(sample: Sample) -> dict[str, str]:
    """Return the row of manifest.csv for ``sample``: column to text, an unknown value empty."""
    record = sample.record
    values: dict[str, Any] = {name: getattr(record, name) for name in _RECORD_FIELDS}
    values |= {name: getattr(sample, name) for name in _SAMPLE_FIELDS}
    values |= {
        "path": sample.image,
        "file_name": sample.image.rpartition("/")[2],
        "source_path": record.path.as_posix(),
        "record_label": record.label,
        "label_kind": record.label_kind,
        "record_split": record.split,
        "age_group": age_group(record),
    }
    return {column: _text(values[column]) for column in MANIFEST_COLUMNS}


def box_rows(sample: Sample) -> list[dict[str, str]]:
    """Return the rows of boxes.csv for ``sample``: one for each box, places as shares of the image's sides."""
    return [
        {"record_id": sample.record.record_id, **{name: _text(getattr(box, name)) for name in BOX_COLUMNS[1:]}}
        for box in sample.record.boxes
    ]


def parse_boxes(rows: Iterable[Mapping[str, str]]) -> dict[str, tuple[Box, ...]]:
    """Return record_id to its boxes.

    Raises:
        KeyError, ValueError: If a column is missing or a value is no number.
    """
    boxes: dict[str, tuple[Box, ...]] = {}
    for row in rows:
        sides = {name: float(row[name]) for name in BOX_COLUMNS[2:]}
        boxes[row["record_id"]] = (*boxes.get(row["record_id"], ()), Box(label=row["label"], **sides))
    return boxes


def exclusion_row(item: Exclusion) -> dict[str, str]:
    """Return the row of exclusions.csv for ``item``."""
    return {column: getattr(item, column) for column in EXCLUSION_COLUMNS}


def age_span(record: Record) -> tuple[float, float] | None:
    """Return the lowest and the highest age in years, the same where the age is known; None where nothing is.

    A span such as "1-5 years" is what a source states of all its patients.
    """
    if record.age_years is not None:
        return record.age_years, record.age_years
    span = _AGE_SPAN.match(record.age_verbatim)
    return (float(span[1]), float(span[2])) if span else None


def age_group(record: Record) -> str:
    """Return ``paediatric`` (under 18 years), ``adult``, or an empty text where the age is unknown or may be either."""
    span = age_span(record)
    if span is None:
        return ""
    return "adult" if span[0] >= ADULT_YEARS else "paediatric" if span[1] < ADULT_YEARS else ""


def parse_sample(row: Mapping[str, str]) -> Sample:
    """Return the sample of one row of manifest.csv; of one written before the columns were there, blank verbatim words.

    Raises:
        KeyError, ValueError: If a column is missing or a value is none that `sample_row` writes.
    """
    record = Record(
        record_id=row["record_id"],
        source=row["source"],
        view_verbatim=row["view_verbatim"],
        modality=row["modality"],
        finding=row["finding"],
        age_verbatim=row["age_verbatim"],
        licence=row["licence"],
        url=row["url"],
        notes=row["notes"],
        path=Path(row["source_path"]),
        patient_id=row["patient_id"] or None,
        study_id=row["study_id"] or None,
        view=View(row["view"]),
        label=row["record_label"] or None,
        split=_split(row["record_split"]) if row["record_split"] else None,
        sex=Sex(row["sex"]) if row["sex"] else None,
        sex_verbatim=row.get("sex_verbatim", ""),
        age_years=_number(row["age_years"]),
        day_offset=_number(row["day_offset"]),
        offset_verbatim=row.get("offset_verbatim", ""),
    )
    return Sample(
        **{name: row[name] for name in ("label", "sha256", "phash", "group_id")},
        record=record,
        split=_split(row["split"]),
        image=row["path"],
        rows=int(row["rows"]),
        columns=int(row["columns"]),
        bits_stored=int(row["bits_stored"]),
    )


def parse_exclusion(row: Mapping[str, str]) -> Exclusion:
    """Return the exclusion of one row of exclusions.csv.

    Raises:
        KeyError: If a column is missing.
    """
    return Exclusion(**{column: row[column] for column in EXCLUSION_COLUMNS})


def to_csv(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    """Return a UTF-8 table with a header line and lines that end with a line feed; no cell is a formula."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(cells(row[column] for column in columns) for row in rows)
    return stream.getvalue().encode()


def parse_csv(data: bytes) -> Iterable[dict[str, str]]:
    """Yield the rows of a UTF-8 table as column to text."""
    for row in csv_rows(data.decode()):
        yield {column: from_cell(text) if text else text for column, text in row.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value)


def _number(text: str) -> float | None:
    return float(text) if text else None


def _split(text: str) -> Split:
    for split in SPLITS:
        if text == split:
            return split
    raise ValueError(f"split {text!r} is none of {', '.join(SPLITS)}")
