from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from covidcxr.core.errors import OutputError
from covidcxr.core.notice import ROW_NOTICE
from covidcxr.core.types import Prediction
from covidcxr.outputs.predictions import (
    check_suffix,
    columns,
    document,
    read_parquet_rows,
    row_document,
    table_writer,
    to_row,
)

CLASSES = ("COVID-19", "Normal")
FOUND = Prediction(
    record_id="a.png",
    status="ok",
    classes=CLASSES,
    probabilities=np.array([0.25, 0.75], np.float32),
    label="Normal",
    prediction_set=("COVID-19", "Normal"),
    warnings=("overlay left out", "mirrored"),
    lung_fraction=0.8712,  # no float32 is that
    bundle_id="abc",
)
FAILED = Prediction(
    record_id="b.png", status="error", classes=CLASSES, reasons=("truncated: b.png: ends early",), bundle_id="abc"
)


def test_the_document_has_the_stable_shape() -> None:
    assert document(FOUND) == {
        "input": "a.png",
        "patient": "",
        "status": "ok",
        "label": "Normal",
        "probabilities": {"COVID-19": 0.25, "Normal": 0.75},
        "prediction_set": ["COVID-19", "Normal"],
        "reasons": [],
        "warnings": ["overlay left out", "mirrored"],
        "lung_fraction": 0.8712,
        "bundle": "abc",
        "notice": "research use only, not a diagnosis",
    }
    assert json.loads(json.dumps(document(FAILED)))["probabilities"] == {}


@pytest.mark.parametrize("prediction", [FOUND, FAILED])
def test_a_row_gives_the_document_back(prediction: Prediction) -> None:
    assert row_document(to_row(prediction)) == document(prediction)


def write(path: Path) -> None:
    with table_writer(path, CLASSES) as table:
        for prediction in (FOUND, FAILED):
            table.add(to_row(prediction))


def test_a_csv_holds_every_prediction_in_order(tmp_path: Path) -> None:
    write(tmp_path / "found.csv")
    with (tmp_path / "found.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == columns(CLASSES)
    assert (rows[0]["probability/Normal"], rows[0]["warnings"]) == ("0.75", "overlay left out | mirrored")
    assert [row["lung_fraction"] for row in rows] == ["0.8712", ""]
    assert (rows[1]["status"], rows[1]["probability/Normal"], rows[1]["notice"]) == ("error", "", ROW_NOTICE)


def test_a_parquet_file_holds_the_same(tmp_path: Path) -> None:
    write(tmp_path / "found.parquet")
    table = pq.read_table(tmp_path / "found.parquet")
    assert table.column_names == columns(CLASSES)
    assert table["probability/COVID-19"].to_pylist() == [0.25, None]
    assert table.schema.metadata[b"notice"] == ROW_NOTICE.encode()
    assert [row_document(row) for row in read_parquet_rows(tmp_path / "found.parquet")] == [
        document(FOUND),
        document(FAILED),
    ]


def test_another_kind_of_table_is_refused() -> None:
    with pytest.raises(OutputError, match=r"\.csv or \.parquet"):
        check_suffix(Path("found.xlsx"))
