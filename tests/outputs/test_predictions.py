from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from covidcxr.core.errors import OutputError
from covidcxr.core.types import Prediction
from covidcxr.outputs.predictions import NOTICE, columns, document, write_predictions

CLASSES = ("COVID-19", "Normal")
FOUND = Prediction(
    record_id="a.png",
    status="ok",
    classes=CLASSES,
    probabilities=np.array([0.25, 0.75], np.float32),
    label="Normal",
    prediction_set=("COVID-19", "Normal"),
    warnings=("overlay left out", "mirrored"),
    bundle_id="abc",
)
FAILED = Prediction(
    record_id="b.png", status="error", classes=CLASSES, reasons=("truncated: b.png: ends early",), bundle_id="abc"
)


def test_the_document_has_the_stable_shape() -> None:
    assert document(FOUND) == {
        "input": "a.png",
        "status": "ok",
        "label": "Normal",
        "probabilities": {"COVID-19": 0.25, "Normal": 0.75},
        "prediction_set": ["COVID-19", "Normal"],
        "reasons": [],
        "warnings": ["overlay left out", "mirrored"],
        "lung_fraction": None,
        "bundle": "abc",
        "notice": "research use only, not a diagnosis",
    }
    assert json.loads(json.dumps(document(FAILED)))["probabilities"] == {}


def test_a_csv_holds_every_prediction_in_order(tmp_path: Path) -> None:
    path = tmp_path / "found.csv"
    passed_on = list(write_predictions(path, iter([FOUND, FAILED]), CLASSES))
    assert [one.record_id for one in passed_on] == ["a.png", "b.png"]
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == columns(CLASSES)
    assert (rows[0]["probability/Normal"], rows[0]["warnings"]) == ("0.75", "overlay left out | mirrored")
    assert (rows[1]["status"], rows[1]["probability/Normal"], rows[1]["notice"]) == ("error", "", NOTICE)


def test_a_parquet_file_holds_the_same(tmp_path: Path) -> None:
    path = tmp_path / "found.parquet"
    list(write_predictions(path, iter([FOUND, FAILED]), CLASSES))
    table = pq.read_table(path)
    assert table.column_names == columns(CLASSES)
    assert table["probability/COVID-19"].to_pylist() == [0.25, None]
    assert table.schema.metadata[b"notice"] == NOTICE.encode()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_an_interrupted_run_leaves_no_file(suffix: str, tmp_path: Path) -> None:
    results = write_predictions(tmp_path / f"found{suffix}", iter([FOUND, FAILED]), CLASSES)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []


def test_another_kind_of_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.csv or \.parquet"):
        next(write_predictions(tmp_path / "found.xlsx", iter([FOUND]), CLASSES))
