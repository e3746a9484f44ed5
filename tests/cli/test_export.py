from __future__ import annotations

import json
from pathlib import Path

import pytest

import bundles
from covidcxr.cli.main import run_command
from covidcxr.models.bundle import Bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundles.tiny_bundle(tmp_path_factory.mktemp("run") / "bundle")


@pytest.mark.slow
def test_json_tells_where_and_how_near(bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxscript", reason="the extra `export` is not installed")
    out = tmp_path / "film.onnx"
    assert run_command(["export", str(bundle.folder), "--to", "onnx", "--out", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["path"] == str(out)
    assert found["parity"]["largest_difference"] < 1e-4
    assert found["notice"] == "Research use only, not a diagnosis."
    assert out.is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--to", "onix"], "did you mean 'onnx'"),
        (["--to", "openvino"], "--out FOLDER"),
        (["--variant", "int4"], "none of fp32, int8, bf16"),
        (["--input", "pixels"], "neither image nor preprocessed"),
    ],
)
def test_what_cannot_be_done_is_told(
    bundle: Bundle, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["export", str(bundle.folder), *arguments]) == 2
    assert words in capsys.readouterr().err
