import json
from pathlib import Path

import pytest

from covidcxr.cli.main import run_command
from covidcxr.models.bundle import Bundle
from covidcxr.sources.phantoms import write_phantom_sources

SETTINGS = ["--set", "training.epochs=1", "--set", "training.steps=2", "--set", "training.batch_size=4"]
SETTINGS += ["--set", "dataset.split.test_images={ COVID-19 = 4 }", "--set", "evaluation.bootstrap_rounds=50"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_phantom_sources(folder / "sources", seed=1, num_covid=12, num_normal=8, num_pneumonia=8)
    assert run_command(arguments(folder, "--quiet")) == 0
    return folder


def arguments(folder: Path, *more: str) -> list[str]:
    sources, out = str(folder / "sources"), str(folder / "run")
    return ["run", "zhong2020", "--sources", sources, "--out", out, "--workers", "1", *SETTINGS, *more]


def modified(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_run_leaves_dataset_bundle_and_report(finished: Path) -> None:
    out = finished / "run"
    for artefact in [
        "dataset/manifest.csv",
        "dataset/exclusions.csv",
        "bundle/model.safetensors",
        "bundle/bundle.json",
    ]:
        assert (out / artefact).stat().st_size > 0
    assert (out / "report" / "report.html").stat().st_size > 0


def test_a_bundle_leaves_training_with_its_fastest_proven_form(finished: Path) -> None:
    pytest.importorskip("onnxscript", reason="the extra `export` is not installed")
    bundle = Bundle.load(finished / "run" / "bundle")
    assert bundle.onnx_path == finished / "run" / "bundle" / "model.onnx"
    proof = json.loads((bundle.folder / "model.parity.json").read_text())
    assert proof["parity"]["largest_difference"] <= proof["fp32_tolerance"]


def test_synthetic_data_are_called_so_in_every_artefact(finished: Path) -> None:
    out = finished / "run"
    for artefact in ["dataset/DATASHEET.md", "bundle/MODEL_CARD.md", "report/report.html"]:
        assert "synthetic" in (out / artefact).read_text().lower(), artefact
    assert json.loads((out / "dataset" / "dataset.json").read_text())["synthetic"] is True
    assert json.loads((out / "bundle" / "bundle.json").read_text())["synthetic"] is True


def test_every_artefact_says_research_use_only(finished: Path) -> None:
    for artefact in ["bundle/MODEL_CARD.md", "report/report.html"]:
        assert "research use only" in (finished / "run" / artefact).read_text().lower(), artefact


def test_a_second_run_does_nothing_again(finished: Path) -> None:
    before = modified(finished / "run")
    assert run_command(arguments(finished, "--quiet")) == 0
    assert modified(finished / "run") == before


def test_json_is_one_document_with_the_metrics(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(arguments(finished, "--json")) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["synthetic"] is True
    assert 0.0 <= document["cohorts"][0]["metrics"]["accuracy"]["value"] <= 1.0


def test_a_sources_folder_that_is_not_there_is_never_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["run", "zhong2020", "--sources", str(tmp_path / "none"), "--out", str(tmp_path / "run")]) == 2
    assert str(tmp_path / "none") in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
