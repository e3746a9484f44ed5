from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from covidcxr.cli.main import run_command
from covidcxr.sources.phantoms import write_phantom_sources

_SET = ["--set", "dataset.longest_side=32", "--set", "dataset.split.test_images.COVID-19=3"]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("phantoms") / "sources"
    return write_phantom_sources(root, num_covid=10, num_normal=8, num_pneumonia=8, size=48)


@pytest.fixture(scope="module")
def dataset(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("datasets") / "zhong2020"
    arguments = ["compile", "zhong2020", "--out", str(out), "--sources", str(sources), "--workers", "1", "--quiet"]
    assert run_command([*arguments, *_SET]) == 0
    return out


def document(capsys: pytest.CaptureFixture[str]) -> dict:  # type: ignore[type-arg]
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return json.loads(out)  # type: ignore[no-any-return]


def test_compile_prints_the_agreed_json(sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["compile", "zhong2020", "--out", str(tmp_path / "d"), "--sources", str(sources), "--json"]
    assert run_command([*arguments, "--workers", "1", *_SET]) == 0
    found = document(capsys)
    assert found["classes"] == ["COVID-19", "Normal", "Pneumonia"]
    assert found["counts"] == {
        "train": {"COVID-19": 7, "Normal": 6, "Pneumonia": 6},
        "test": {"COVID-19": 3, "Normal": 2, "Pneumonia": 2},
    }
    assert found["excluded"]["ct"] == 2
    assert found["leaks"]["verdict"] in {"leaks", "not estimable"}
    assert found["leaks"]["crossing"] == {"patients": 0, "groups": 0, "copies": 0}
    assert found["leaks"]["copies"]["search"] == "report"
    assert len(found["digest"]) == 64


def test_compile_says_what_was_left_out(dataset: Path, sources: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["compile", "zhong2020", "--out", str(dataset), "--sources", str(sources), *_SET]) == 0
    out = capsys.readouterr().out
    assert "SYNTHETIC DATA" in out
    assert "[bold" not in out
    assert "lateral 1" in out
    assert "In more than one split: patients 0, groups of copies 0, pairs of copies 0" in out
    (row,) = [line for line in out.splitlines() if line.strip().startswith("border strips")]
    assert len(re.findall(r"\d\.\d\d \(\d\.\d\d-\d\.\d\d\)|(?<= )-(?= |$)", row)) == 3


def test_a_missing_sources_folder_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["compile", "zhong2020", "--out", str(tmp_path / "d"), "--sources", "/nowhere"]) == 2
    assert "/nowhere: no such folder" in capsys.readouterr().err


def test_verify_is_content_with_a_whole_dataset(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["dataset", "verify", str(dataset), "--quiet", "--json"]) == 0
    assert document(capsys)["ok"] is True


def test_verify_names_an_altered_image_and_exits_with_2(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "d"
    arguments = ["compile", "zhong2020", "--out", str(out), "--sources", str(sources), "--workers", "1", "--quiet"]
    assert run_command([*arguments, *_SET]) == 0
    image = next((out / "images").rglob("*.jpg"))
    image.write_bytes(b"altered")
    assert run_command(["dataset", "verify", str(out), "--quiet"]) == 2
    assert image.name in capsys.readouterr().err


def test_stats_count_by_any_column(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["dataset", "stats", str(dataset), "--by", "source", "--json"]) == 0
    counts = {row["source"]: row["images"] for row in document(capsys)["counts"]}
    assert counts == {"actualmed": 2, "chest-xray-pneumonia": 16, "covid-chestxray-dataset": 6, "figure1": 2}


def test_diff_of_a_dataset_with_itself_is_empty(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["dataset", "diff", str(dataset), str(dataset), "--json"]) == 0
    found = document(capsys)
    assert found["same"] is True
    assert found["changed"] == []


def test_diff_of_datasets_that_left_out_other_images_says_which_and_why(
    dataset: Path, sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "with-laterals"
    rules = 'dataset.rules=["undecodable", "unlabelled", "ct", "annotated", "duplicate-file", "conflicting-label"]'
    arguments = ["compile", "zhong2020", "--out", str(out), "--sources", str(sources), "--workers", "1", "--quiet"]
    assert run_command([*arguments, *_SET, "--set", rules]) == 0
    assert run_command(["dataset", "diff", str(dataset), str(out)]) == 0
    printed = capsys.readouterr().out
    assert "only in the second: 1 images\n" in printed
    assert "in the first, lateral: view 'L'" in printed
    assert "other settings: 1\n  dataset.rules: [" in printed


def test_export_writes_the_asked_format(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "folders"
    assert run_command(["dataset", "export", str(dataset), "--to", "class-folders", "--out", str(out), "--json"]) == 0
    assert document(capsys)["images"] == 26
    assert len(list(out.rglob("*.jpg"))) == 26


def test_an_unknown_format_lists_the_known_ones(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["dataset", "export", str(dataset), "--to", "zip", "--out", str(tmp_path / "x")]) == 2
    assert "class-folders, csv, imagefolder, parquet, webdataset" in capsys.readouterr().err
