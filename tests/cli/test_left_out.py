"""Content decides what an image is; what is passed over is counted on stderr and listed in full on disk."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import bundles
from covidcxr.cli.main import run_command
from covidcxr.models.bundle import Bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundles.tiny_bundle(tmp_path_factory.mktemp("run") / "bundle", synthetic=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    (folder / "more").mkdir(parents=True)
    (folder / "a.jfif").write_bytes(bundles.png(1))
    (folder / "b").write_bytes(bundles.png(2))
    (folder / "more" / "c.IMA").write_bytes(bundles.png(3))
    (folder / "notes.txt").write_text("read by two")
    (folder / "again").symlink_to(folder / "more")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "d.png").write_bytes(bundles.png(4))
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    return folder


def listed(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as stream:
        return {Path(row["path"]).name: row["rule"] for row in csv.DictReader(stream)}


EXPECTED = {"notes.txt": "not-an-image", "again": "link-again"}


@pytest.mark.parametrize("command", ["lungs", "gate", "explain"])
def test_folders_are_read_by_content_and_the_rest_is_listed(
    command: str, bundle: Bundle, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    start = [command, str(bundle.folder)] if command == "explain" else [command]
    run_command([*start, str(folder), "--turn" if command == "gate" else "--out", str(out)])
    captured = capsys.readouterr()
    assert "2 left out: " in captured.err
    assert listed(out / "left-out.csv") == EXPECTED
    if command == "lungs":
        assert {path.stem for path in out.glob("*.png")} == {"a", "b", "c", "d"}


def test_a_table_of_predictions_has_its_list_beside_it(
    bundle: Bundle, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "table.csv"
    assert run_command(["predict", str(bundle.folder), str(folder), "--out", str(out)]) == 0
    err = capsys.readouterr().err
    assert "4 inputs" in err
    assert "2 left out: " in err
    assert listed(tmp_path / "table.left-out.csv") == EXPECTED


def test_a_quiet_run_still_writes_the_list_and_a_file_of_that_name_is_not_replaced(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "masks"
    assert run_command(["lungs", str(folder), "--out", str(out), "--quiet"]) == 0
    assert listed(out / "left-out.csv") == EXPECTED
    (out / "left-out.csv").write_text("my notes\n")
    assert run_command(["lungs", str(folder), "--out", str(out), "--quiet"]) == 2
    assert (out / "left-out.csv").read_text() == "my notes\n"
    assert "no list of what was left out" in capsys.readouterr().err
