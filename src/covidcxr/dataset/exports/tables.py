"""The manifest as one table, with absolute image paths: CSV and Parquet."""

from __future__ import annotations

from pathlib import Path

from covidcxr.core.artefacts import atomic_file, write_bytes
from covidcxr.core.progress import Progress
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.exports import EXPORTS
from covidcxr.dataset.exports.placing import check_empty
from covidcxr.dataset.tables import MANIFEST_COLUMNS, sample_row, to_csv

_COLUMNS = ("image_path", *MANIFEST_COLUMNS)
_REAL = ("age_years", "day_offset")
_WHOLE = ("rows", "columns", "bits_stored")


def _rows(dataset: Dataset) -> list[dict[str, str]]:
    return [{"image_path": str(dataset.image_path(sample)), **sample_row(sample)} for sample in dataset.samples]


@EXPORTS.register("csv")
def export_csv(dataset: Dataset, out: Path, progress: Progress) -> None:
    """Write one row per image to the file ``out``.

    Raises:
        OutputError: If ``out`` is there already, or cannot be written.
    """
    del progress
    check_empty(out)
    write_bytes(out, to_csv(_COLUMNS, _rows(dataset)))


@EXPORTS.register("parquet")
def export_parquet(dataset: Dataset, out: Path, progress: Progress) -> None:
    """Write one row per image to the file ``out``; numbers are numbers, and an unknown value is null.

    Raises:
        OutputError: If ``out`` is there already, or cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    del progress
    check_empty(out)
    kinds = {name: pa.float64() for name in _REAL} | {name: pa.int32() for name in _WHOLE}
    schema = pa.schema(
        [(name, kinds.get(name, pa.string())) for name in _COLUMNS],
        metadata={"covidcxr_digest": dataset.digest, "covidcxr_synthetic": str(dataset.synthetic).lower()},
    )
    rows = [{name: _value(name, row[name]) for name in _COLUMNS} for row in _rows(dataset)]
    with atomic_file(out) as partial:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), partial)


def _value(name: str, text: str) -> str | float | int | None:
    if not text:
        return None
    if name in _REAL:
        return float(text)
    return int(text) if name in _WHOLE else text
