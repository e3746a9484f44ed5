from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import bundles
from covidcxr.cli.main import run_command
from covidcxr.models.bundle import Bundle
from covidcxr.sources.phantom_films import draw_film


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle that is not of phantoms, so that the gate comes first unasked."""
    return bundles.tiny_bundle(tmp_path_factory.mktemp("run") / "bundle", synthetic=False)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    film = draw_film(np.random.default_rng(3), "normal", size=300)
    noise = np.random.default_rng(0).integers(0, 256, (300, 300), dtype=np.uint8)
    for name, pixels in (("film", film), ("noise", noise), ("turned", np.rot90(film, 2))):
        cv2.imwrite(str(folder / f"{name}.png"), pixels)
    return folder


def explained(bundle: Bundle, inputs: Path, out: Path, capsys: pytest.CaptureFixture[str], *options: str) -> list[dict]:
    code = run_command(["explain", str(bundle.folder), str(inputs), "--out", str(out), "--json", "--quiet", *options])
    assert code == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_what_is_no_frontal_film_gets_no_probability_and_no_overlay(
    bundle: Bundle, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film, noise, turned = explained(bundle, inputs, tmp_path, capsys)
    assert film["status"] in ("ok", "failed")
    assert film["probability"] > 0
    for refused, reason in ((noise, "not-a-radiograph"), (turned, "rotated")):
        assert refused["status"] == "refuse"
        assert refused["reasons"][0].startswith(f"{reason}: ")
        assert "probability" not in refused
        assert "target" in refused
        assert refused["target"] == ""
    assert [path.name for path in (tmp_path / "overlays").iterdir()] == ["film.png"]
    summary = json.loads((tmp_path / "explanations.json").read_text())
    assert (summary["num_films"], summary["num_refused"], summary["num_errors"]) == (1, 2, 0)
    assert summary["bundle"] == bundle.bundle_id


def test_without_the_gate_everything_is_explained_and_a_turned_film_is_turned_on_request(
    bundle: Bundle, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert all("probability" in row for row in explained(bundle, inputs, tmp_path / "a", capsys, "--no-gate"))
    film, noise, turned = explained(bundle, inputs, tmp_path / "b", capsys, "--turn")
    assert (noise["status"], turned["probability"]) == ("refuse", film["probability"])
    assert "turned on request: turn-180" in turned["warnings"]


def test_the_table_holds_zones_curves_and_agreements(
    bundle: Bundle, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = explained(bundle, inputs / "film.png", tmp_path, capsys, "--checks")
    assert set(row["method_agreement"]) == {"grad-cam++", "hires-cam"}
    with (tmp_path / "explanations.csv").open(newline="") as stream:
        (cells,) = csv.DictReader(stream)
    assert float(cells["agreement/hires-cam"]) == row["method_agreement"]["hires-cam"]
    assert float(cells["deletion"]) == row["deletion"]
    assert [float(cells[f"zone/{zone}"]) for zone in row["zones"]] == list(row["zones"].values())
    summary = json.loads((tmp_path / "explanations.json").read_text())
    assert set(summary["not_compared"]) == {"integrated-gradients", "occlusion"}
    assert "--method occlusion" in summary["not_compared"]["occlusion"]


def test_a_device_that_is_not_there_is_the_callers_fault(
    bundle: Bundle, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["explain", str(bundle.folder), str(inputs), "--out", str(tmp_path), "--device", "foo"]) == 2
    assert "device 'foo' is not available here (available: " in capsys.readouterr().err


def test_turning_without_the_gate_is_refused(
    bundle: Bundle, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [str(bundle.folder), str(inputs), "--turn", "--no-gate"]
    assert run_command(["explain", *command, "--out", str(tmp_path)]) == 2
    assert run_command(["predict", *command]) == 2
    assert capsys.readouterr().err.count("leave --no-gate out") == 2
