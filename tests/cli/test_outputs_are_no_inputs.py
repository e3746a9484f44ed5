"""Nothing a user gave is written over: an output that is an input, or somebody else's file, is refused."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

import bundles
from covidcxr.cli.main import run_command
from covidcxr.models.bundle import Bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundles.tiny_bundle(tmp_path_factory.mktemp("run") / "bundle", synthetic=True)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "a.png").write_bytes(bundles.png(1))
    (folder / "list.csv").write_text("path,ward\na.png,7\n")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(command: Sequence[str | Path], folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    before = content(folder)
    assert run_command([str(part) for part in command]) == 2
    assert content(folder) == before
    return capsys.readouterr().err


def test_masks_and_turned_images_are_not_written_over_their_images(
    images: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (
        ["lungs", images, "--out", images],
        ["lungs", images / "a.png", "--out", images],
        ["gate", images, "--turn", images],
        ["explain", bundle.folder, images, "--out", images],
        ["lungs", images / "a.png", "--out", images / ".." / "images"],
    ):
        assert "input" in refused(command, images, capsys)


def test_a_folder_of_other_files_is_not_filled_and_an_own_one_is(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.png").write_bytes(b"somebody else's")
    assert "holds files" in refused(["lungs", images / "a.png", "--out", other], other, capsys)
    own = tmp_path / "own"
    for _ in range(2):
        assert run_command(["lungs", str(images / "a.png"), "--out", str(own), "--quiet"]) == 0
    assert (own / "a.png").is_file()


def test_a_list_is_not_replaced_by_its_predictions(
    images: Path, bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predict = ["predict", bundle.folder, images / "list.csv", "--out"]
    assert "is an input" in refused([*predict, images / "list.csv"], images, capsys)
    link = tmp_path / "link.csv"
    link.hardlink_to(images / "list.csv")
    assert "is an input" in refused([*predict, link], images, capsys)
    (tmp_path / "notes.csv").write_text("date,what\n")
    assert "no table of predictions" in refused([*predict, tmp_path / "notes.csv"], tmp_path, capsys)
    own = [str(part) for part in [*predict, tmp_path / "own.csv", "--quiet"]]
    assert run_command(own) == run_command(own) == 0


def test_a_report_is_not_written_around_what_it_reads(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    out.mkdir()
    (out / "report.json").write_text("{}")
    inside = shutil.copytree(bundle.folder, out / "bundle")
    data = tmp_path / "data"
    for command in (["evaluate", inside, data], ["audit", inside, data]):
        assert "holds the input" in refused([*command, "--out", out], out, capsys)


def test_an_export_replaces_only_an_export(bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxscript", reason="the extra `export` is not installed")
    (tmp_path / "theirs.onnx").write_bytes(b"another network")
    command = ["export", bundle.folder, "--out", tmp_path / "theirs.onnx"]
    assert "no export" in refused(command, tmp_path, capsys)
