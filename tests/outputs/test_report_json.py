from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from covidcxr.core.types import EvaluationReport, Metric
from covidcxr.outputs.case_table import Case, write_cases
from covidcxr.outputs.report_json import report_document, write_json

REPORT = EvaluationReport(
    cohort="home, test",
    classes=("COVID-19", "Normal"),
    num_images=10,
    num_patients=8,
    metrics={
        "accuracy": Metric(name="accuracy", value=0.8, low=0.6, high=0.9, num_cases=10),
        "auroc/Normal": Metric(name="auroc/Normal", value=None, num_cases=10, reason="no case of Normal"),
    },
    confusion=np.array([[8, 2], [0, 0]]),
    subgroups={"sex=F": {"accuracy": Metric(name="accuracy", value=1.0, num_cases=3)}},
    notes=("few",),
)


def test_the_document_has_the_promised_keys(tmp_path: Path) -> None:
    document = report_document([REPORT], verdict="doubtful", reasons=["few cases"], details={"bundle": "abc"})
    write_json(document, tmp_path / "report.json")
    read = json.loads((tmp_path / "report.json").read_text())
    assert read == document
    assert read["classes"] == ["COVID-19", "Normal"]
    assert read["verdict"] == {"value": "doubtful", "reasons": ["few cases"]}
    cohort = read["cohorts"][0]
    assert (cohort["name"], cohort["num_images"], cohort["num_patients"]) == ("home, test", 10, 8)
    assert cohort["confusion"] == [[8, 2], [0, 0]]
    assert cohort["metrics"]["accuracy"] == {"value": 0.8, "low": 0.6, "high": 0.9, "num_cases": 10}
    assert cohort["metrics"]["auroc/Normal"]["value"] is None
    assert cohort["metrics"]["auroc/Normal"]["reason"] == "no case of Normal"
    assert read["bundle"] == "abc"
    assert read["notice"] == "Research use only, not a diagnosis."


def test_synthetic_data_are_marked() -> None:
    assert "phantoms" in report_document([REPORT], synthetic=True)["synthetic_notice"]
    assert "synthetic_notice" not in report_document([REPORT])


def test_nan_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json({"value": float("nan")}, tmp_path / "bad.json")
    assert list(tmp_path.iterdir()) == []


def test_every_case_has_its_row(tmp_path: Path) -> None:
    case = Case(
        cohort="home",
        record_id="s:a,b.png",
        group_id="s:1",
        label="Normal",
        predicted="COVID-19",
        probabilities=[0.75, 0.25],
    )
    write_cases([case], ("COVID-19", "Normal"), tmp_path / "predictions.csv")
    with (tmp_path / "predictions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows == [
        {
            "cohort": "home",
            "record_id": "s:a,b.png",
            "group_id": "s:1",
            "label": "Normal",
            "predicted": "COVID-19",
            "correct": "0",
            "probability/COVID-19": "0.750000",
            "probability/Normal": "0.250000",
        }
    ]
