from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import bundles
import films
from covidcxr.cli.main import run_command
from covidcxr.core.types import Radiograph
from covidcxr.imaging.dicom import facts as dicom_facts
from covidcxr.imaging.gate.gate import GateReason, GateResult
from covidcxr.models.bundle import Bundle
from covidcxr.sources.phantom_films import draw_film
from study_builders import write_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundles.tiny_bundle(tmp_path_factory.mktemp("run") / "bundle")


@pytest.fixture(autouse=True)
def own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config/covidcxr/pseudonyms.key"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "a.png").write_bytes(bundles.png(1))
    (folder / "b.png").write_bytes(bundles.png(2)[:200])
    return folder


def test_json_is_one_line_an_input_and_nothing_else(
    bundle: Bundle, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["predict", str(bundle.folder), str(folder), "--json"]) == 0
    captured = capsys.readouterr()
    first, second = (json.loads(line) for line in captured.out.splitlines())
    assert captured.err == ""
    assert (first["status"], set(first["probabilities"])) == ("ok", set(bundles.CLASSES))
    assert (second["status"], second["label"], second["bundle"]) == ("error", None, bundle.bundle_id)
    assert second["reasons"][0].startswith("truncated: ")


def test_a_table_is_shown_with_its_notice(bundle: Bundle, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["predict", str(bundle.folder), str(folder)]) == 0
    captured = capsys.readouterr()
    assert "Research use only, not a diagnosis." in captured.out
    assert "2 inputs, 1 could not be read" in captured.err


def test_the_summary_names_the_backend_and_what_would_be_faster(
    bundle: Bundle, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["predict", str(bundle.folder), str(folder), "--device", "cpu"]) == 0
    err = capsys.readouterr().err
    assert "on cpu (fp32, torch " in err
    assert f"ONNX Runtime would be faster: covidcxr export {bundle.folder}" in err


def test_a_file_is_written_instead(
    bundle: Bundle, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "found.csv"
    assert run_command(["predict", str(bundle.folder), str(folder), "--out", str(out), "--quiet"]) == 0
    with out.open(newline="") as stream:
        assert [row["status"] for row in csv.DictReader(stream)] == ["ok", "error"]
    assert capsys.readouterr().out == ""


def test_the_code_is_two_when_nothing_could_be_read(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["predict", str(bundle.folder), str(tmp_path / "gone.png"), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["reasons"][0].startswith("missing: ")


def test_a_missing_bundle_is_one_clear_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["predict", str(tmp_path / "nothing"), "film.png"]) == 2
    error = capsys.readouterr().err
    assert "expected a bundle" in error
    assert error.count("\n") == 1


def test_a_wrong_table_name_is_refused_before_any_work(
    bundle: Bundle, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["predict", str(bundle.folder), str(folder), "--out", "found.xlsx"]) == 2
    assert ".csv or .parquet" in capsys.readouterr().err


def test_what_the_gate_refuses_gets_no_probability(
    bundle: Bundle, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(film: Radiograph) -> GateResult:
        reason = GateReason(name="lateral", verdict="refuse", detail="a lateral image")
        return GateResult(origin=film.origin, verdict="refuse", reasons=(reason,))

    monkeypatch.setattr("covidcxr.imaging.gate.gate.gate_film", refuse)
    assert run_command(["predict", str(bundle.folder), str(folder), "--json", "--gate"]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["status"], first["probabilities"], first["reasons"]) == ("refuse", {}, ["lateral: a lateral image"])
    assert second["status"] == "error"


def test_pseudonyms_replace_names_everywhere(
    bundle: Bundle, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"0123456789abcdef")
    (folder / "b.png").unlink()
    assert run_command(["predict", str(bundle.folder), str(folder), "--json", "--pseudonyms", str(key)]) == 0
    captured = capsys.readouterr().out
    assert "a.png" not in captured
    assert len(json.loads(captured)["input"]) == 20


def test_short_keys_and_filters_that_leave_nothing_are_told(
    bundle: Bundle, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key").write_bytes(b"short")
    command = ["predict", str(bundle.folder), str(folder), "--json"]
    assert run_command([*command, "--pseudonyms", str(tmp_path / "key")]) == 2
    assert "expected a secret of at least 16" in capsys.readouterr().err
    assert run_command([*command, "--modality", "DX"]) == 2
    assert "no input is left" in capsys.readouterr().err
    assert run_command([*command, "--view", "sideways"]) == 2
    assert "expected PA, AP or LATERAL" in capsys.readouterr().err
    assert run_command([*command, "--frames", "some"]) == 2
    assert "neither refuse nor split" in capsys.readouterr().err
    assert run_command([*command, "--identified", "--pseudonyms", str(tmp_path / "key")]) == 2
    assert "contradicts --pseudonyms" in capsys.readouterr().err


def write_films(folder: Path) -> None:
    """Write an image of Jane Doe's, one of two frames, and one that is no DICOM."""
    (folder / "DOE_JANE").mkdir(parents=True)
    pixels = bundles.film(3).astype(int)
    jane = {"SOPInstanceUID": "1.2.3.77", "PatientID": "PID77", "PatientName": "DOE^JANE"}
    two = {"SOPInstanceUID": "1.2.3.78", "PatientID": "PID77", "NumberOfFrames": 2, "Modality": "CR"}
    (folder / "DOE_JANE" / "DOE_JANE_PID77.dcm").write_bytes(films.dicom(pixels, attributes=jane))
    (folder / "two.dcm").write_bytes(films.dicom(np.stack([pixels, 255 - pixels]), attributes=two))
    (folder / "roe_richard.png").write_bytes(bundles.png(4))


def test_a_table_names_nobody_unless_asked_to(
    bundle: Bundle, own_key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_films(tmp_path / "in")
    tables = []
    for name in ("first.csv", "again.csv", "clear.csv"):
        options = ["--identified"] if name == "clear.csv" else []
        command = ["predict", str(bundle.folder), str(tmp_path / "in"), "--out", str(tmp_path / name), *options]
        assert run_command(command) == 0
        tables.append((tmp_path / name).read_text())
    said = capsys.readouterr().err
    assert "first.names.csv, which only you can read" in said
    first, again, clear = tables
    assert first == again
    assert not any(word in first for word in ("DOE", "PID77", "1.2.3.7", "richard", "two.dcm"))
    rows = list(csv.DictReader(first.splitlines()))
    assert len({row["input"] for row in rows}) == 3
    assert rows[0]["patient"] == "" != rows[1]["patient"] == rows[2]["patient"]  # the PNG comes first
    assert own_key.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "first.names.csv").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "clear.names.csv").exists()
    assert [row["patient"] for row in csv.DictReader(clear.splitlines())] == ["", "PID77", "PID77"]
    assert "DOE_JANE_PID77.dcm" in clear


def test_frames_are_refused_or_get_a_row_each(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_films(tmp_path / "in")
    command = ["predict", str(bundle.folder), str(tmp_path / "in" / "two.dcm"), "--json"]
    assert run_command(command) == 2
    captured = capsys.readouterr()
    assert "predict --frames split" in json.loads(captured.out)["reasons"][0]
    assert run_command([*command, "--frames", "split"]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert [one["input"][-9:] for one in (first, second)] == ["two.dcm#1", "two.dcm#2"]
    assert first["status"] == "ok"
    assert first["probabilities"] != second["probabilities"]


def test_what_filters_leave_out_is_counted_and_headers_are_read_once(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_films(tmp_path / "in")
    read: list[Path] = []
    facts = dicom_facts.read_facts
    monkeypatch.setattr(dicom_facts, "read_facts", lambda path: read.append(path) or facts(path))
    assert run_command(["predict", str(bundle.folder), str(tmp_path / "in"), "--modality", "DX"]) == 0
    assert "1 inputs, 2 left out by filters" in capsys.readouterr().err
    assert len(read) == 3


def test_with_explain_every_output_says_how_much_of_the_evidence_is_lung(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = write_bundle(tmp_path, "0" * 64, size=160, synthetic=True)
    film, table = tmp_path / "a.png", tmp_path / "a.csv"
    cv2.imwrite(str(film), draw_film(np.random.default_rng(3), "normal", size=200))
    asked = ["predict", str(bundle), str(film), "--device", "cpu"]
    assert run_command([*asked, "--json", "--explain"]) == 0
    fraction = json.loads(capsys.readouterr().out)["lung_fraction"]
    assert 0.0 <= fraction <= 1.0
    assert run_command([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lung_fraction"] is None
    assert run_command([*asked, "--explain"]) == 0
    assert "in the lungs" in capsys.readouterr().out
    assert run_command([*asked, "--explain", "--out", str(table)]) == 0
    with table.open(newline="") as stream:
        assert float(next(csv.DictReader(stream))["lung_fraction"]) == fraction


def test_undecided_films_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = {"0.90": dict.fromkeys(bundles.CLASSES, 0.9999)}
    careful = bundles.tiny_bundle(tmp_path / "bundle", gain=1.0, conformal=sets, synthetic=True)
    (tmp_path / "film.png").write_bytes(bundles.png(1))
    assert run_command(["predict", str(careful.folder), str(tmp_path / "film.png")]) == 0
    captured = capsys.readouterr()
    assert "1 inputs, 1 undecided" in captured.err
    assert "abstain" in captured.out
    assert run_command(["predict", str(careful.folder), str(tmp_path / "film.png"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["status"], found["label"], len(found["probabilities"])) == ("abstain", None, 3)


def test_a_turned_film_is_turned_on_request_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real = bundles.tiny_bundle(tmp_path / "real", synthetic=False).folder
    film = draw_film(np.random.default_rng(3), "normal", size=300)
    for name, pixels in (("a-film", film), ("b-turned", np.rot90(film, 2))):
        cv2.imwrite(str(tmp_path / f"{name}.png"), pixels)
    files = [str(tmp_path / "a-film.png"), str(tmp_path / "b-turned.png")]
    assert run_command(["predict", str(real), *files, "--json"]) == 0
    upright, refused = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert refused["status"] == "refuse"
    assert run_command(["predict", str(real), *files, "--json", "--turn"]) == 0
    _, turned = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (turned["status"], turned["probabilities"]) == ("ok", upright["probabilities"])
    assert "turned on request: turn-180" in turned["warnings"]
