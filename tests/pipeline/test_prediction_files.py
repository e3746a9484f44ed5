"""Predictions from a file in the place of a network: what fits is measured, what does not is refused by name."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from covidcxr.cli.main import run_command
from covidcxr.core.errors import EvaluationError
from covidcxr.pipeline.prediction_files import PredictionFile
from study_builders import CLASSES, write_bundle, write_dataset

SHARES = ("0.7", "0.2", "0.1")


def write_table(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def row(name: str, shares: tuple[str, ...] = SHARES, **more: str) -> dict[str, str]:
    return {"input": name, **more, **dict(zip([f"probability/{label}" for label in CLASSES], shares, strict=True))}


def test_rows_are_found_by_record_id_or_by_the_end_of_their_path(tmp_path: Path) -> None:
    inputs = [Path("/data/a/1.png"), Path("/data/b/1.png"), Path("/data/b/2.png")]
    table = write_table(tmp_path / "p.csv", [row("s:a1"), row("D:\\films\\b\\1.png"), row("b/2.png"), row("c/1.png")])
    found = list(PredictionFile(table, CLASSES).predict(inputs, ["s:a1", "s:b1", "s:b2"]))
    assert [entry.record_id for entry in found] == ["s:a1", "s:b1", "s:b2", "c/1.png"]
    assert found[0].probabilities == pytest.approx([0.7, 0.2, 0.1])
    assert found[0].label == "COVID-19"


def test_columns_may_carry_the_bare_classes_in_any_order_and_spelling(tmp_path: Path) -> None:
    table = write_table(tmp_path / "p.csv", [{"pneumonia": "0.1", "file": "x", "Covid19": "0.7", "normal": "0.2"}])
    (found,) = PredictionFile(table, CLASSES).predict([Path("x")], ["x"])
    assert found.probabilities == pytest.approx([0.7, 0.2, 0.1])


def test_what_could_not_be_judged_keeps_its_reason(tmp_path: Path) -> None:
    rows = [row("x", ("", "", ""), status="error", reasons="truncated: half a file | again")]
    (found,) = PredictionFile(write_table(tmp_path / "p.csv", rows), CLASSES).predict([Path("x")], ["x"])
    assert found.probabilities is None
    assert (found.status, found.reasons) == ("error", ("truncated: half a file", "again"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no row"),
        ("input,probability/COVID-19,probability/Normal\nx,0.5,0.5\n", "no probability of Pneumonia"),
        (
            "input,probability/COVID-19,probability/Normal,probability/Pneumonia,probability/Flu\nx,1,0,0,0\n",
            "probabilities of Flu",
        ),
        ("name,COVID-19,Normal,Pneumonia\nx,1,0,0\n", "no column that names the image"),
        ("input,bundle,COVID-19,Normal,Pneumonia\nx,abc,1,0,0\n", "predicted by the bundle abc; expected 0123"),
    ],
)
def test_a_table_that_is_no_table_of_predictions_is_refused(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(EvaluationError, match=words):
        PredictionFile(path, CLASSES, bundle_id="0123")


def test_a_missing_file_and_a_cell_that_is_no_number_are_named(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"none\.csv: cannot be read as a table of predictions"):
        PredictionFile(tmp_path / "none.csv", CLASSES)
    table = write_table(tmp_path / "p.csv", [row("x", ("high", "0", "0"))])
    with pytest.raises(EvaluationError, match=r"row 2, probability/COVID-19: found 'high'"):
        list(PredictionFile(table, CLASSES).predict([Path("x")], ["x"]))


def test_pseudonyms_are_traced_back_by_the_table_of_names_beside_them(tmp_path: Path) -> None:
    table = write_table(tmp_path / "p.csv", [row("0123456789abcdef0123", ("0.5", "0.25", "0.25"))])
    with pytest.raises(EvaluationError, match=r"by pseudonyms; put p\.names\.csv"):
        PredictionFile(table, CLASSES)
    (tmp_path / "p.names.csv").write_text("input,name,path\n0123456789abcdef0123,films/a.png,/data/films/a.png\n")
    (found,) = PredictionFile(table, CLASSES).predict([Path("films/a.png")], ["mini:a"])
    assert found.record_id == "mini:a"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset, a bundle trained on it, and table.csv with its predictions."""
    root = tmp_path_factory.mktemp("files")
    manifest = write_dataset(root / "dataset", num_each=4)
    write_bundle(root, manifest.digest)
    arguments = ["predict", str(root / "bundle"), str(root / "dataset/images/test"), "--out", str(root / "table.csv")]
    assert run_command([*arguments, "--identified", "--no-gate", "--quiet"]) == 0
    return root


def evaluated(home: Path, out: Path, *files: Path) -> int:
    command = ["evaluate", str(home / "bundle"), str(home / "dataset"), "--out", str(out), "--rounds", "20", "--quiet"]
    return run_command([*command, *(part for file in files for part in ("--predictions", str(file)))])


def test_the_predictions_of_a_file_give_the_report_of_the_network(home: Path, tmp_path: Path) -> None:
    assert evaluated(home, tmp_path / "file", home / "table.csv") == 0
    assert evaluated(home, tmp_path / "network") == 0
    first, second = (
        json.loads((tmp_path / name / "report.json").read_text(encoding="utf-8")) for name in ("file", "network")
    )
    assert first["cohorts"][0]["confusion"] == second["cohorts"][0]["confusion"]
    for name, metric in first["cohorts"][0]["metrics"].items():
        assert metric["value"] == pytest.approx(second["cohorts"][0]["metrics"][name]["value"], abs=1e-4), name
    assert first["inputs"] != second["inputs"]
    device = next(entry["value"] for entry in first["provenance"] if entry["name"] == "Device")
    assert device.startswith("the predictions of table.csv")
    again = tmp_path / "file" / "predictions.csv"  # a report's own table can be measured again
    assert evaluated(home, tmp_path / "again", again) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows[1:], r"1 without a prediction \(such as"),
        (lambda rows: [*rows, rows[0] | {"input": "strange.png"}], r"1 predicted but not in it \(such as strange\.png"),
        (lambda rows: [*rows, rows[0]], "two predictions for"),
        (lambda rows: [rows[0] | {"probability/Normal": "0.9"}, *rows[1:]], "probabilities that do not sum to 1"),
        (lambda rows: [rows[0] | {"probability/Normal": ""}, *rows[1:]], "a probability that is not a number"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(
    change, words: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (home / "table.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert evaluated(home, tmp_path / "report", write_table(tmp_path / "table.csv", change(rows))) == 2
    assert re.search(words, capsys.readouterr().err)
    assert not (tmp_path / "report").exists()


def test_a_file_for_each_dataset_is_asked_for(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluated(home, tmp_path / "report", home / "table.csv", home / "table.csv") == 2
    assert "2 files of predictions for 1 datasets" in capsys.readouterr().err


def test_columns_that_would_be_one_class_are_refused_with_both_and_signs_are_told_apart(tmp_path: Path) -> None:
    table = write_table(tmp_path / "p.csv", [{"file": "x", "COVID+": "0.9", "COVID-": "0.1"}])
    (found,) = PredictionFile(table, ("COVID-19", "Not COVID-19")).predict([Path("x")], ["x"])
    assert found.probabilities == pytest.approx([0.9, 0.1])
    with pytest.raises(EvaluationError, match="no probability of Normal"):
        PredictionFile(table, ("COVID-19", "Normal"))
    twice = write_table(tmp_path / "q.csv", [{"file": "x", "COVID": "0.9", "covid-19": "0.1", "Normal": "0.1"}])
    with pytest.raises(EvaluationError, match="columns 'COVID' and 'covid-19' would both be the probability"):
        PredictionFile(twice, ("COVID-19", "Normal"))
