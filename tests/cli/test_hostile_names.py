"""Names and values that try to be something else reach terminal and tables as the text they are."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bundles
from covidcxr.cli.main import run_command
from covidcxr.models.bundle import Bundle

MARKUP = "[bold red]x[link=y].png"
FORGED = "a\nok      forged.png"
ESCAPE = "\x1b[31mred.png"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundles.tiny_bundle(tmp_path_factory.mktemp("run") / "bundle", synthetic=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    for name in (MARKUP, FORGED, ESCAPE):
        (folder / name).write_bytes(bundles.png(1))
    (folder / f"{'n' * 246}.png").write_bytes(bundles.png(2))
    (folder / os.fsdecode(b"caf\xe9.png")).write_bytes(bundles.png(3))
    return folder


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "covidcxr", *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "400"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, encoding="utf-8")


def test_a_table_on_the_screen_shows_names_as_they_are(bundle: Bundle, folder: Path) -> None:
    done = run("predict", str(bundle.folder), str(folder))
    assert done.returncode == 0, done.stderr
    assert MARKUP in done.stdout
    assert "\x1b" not in done.stdout
    assert "a\\nok      forged.png" in done.stdout
    assert "caf\\udce9.png" in done.stdout
    assert "5 inputs" in done.stderr


def test_json_and_tables_hold_every_row(bundle: Bundle, folder: Path, tmp_path: Path) -> None:
    done = run("predict", str(bundle.folder), str(folder), "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {Path(row["input"]).name for row in rows} >= {MARKUP, FORGED, ESCAPE}
    for suffix in ("csv", "parquet"):
        out = tmp_path / f"table.{suffix}"
        done = run("predict", str(bundle.folder), str(folder), "--identified", "--out", str(out), "--quiet")
        assert done.returncode == 0, done.stderr
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 5


@pytest.mark.parametrize("command", ["gate", "lungs"])
def test_one_name_loses_no_batch_and_forges_no_line(command: str, folder: Path, tmp_path: Path) -> None:
    more = ("--out", str(tmp_path / "masks")) if command == "lungs" else ()
    done = run(command, str(folder), *more)
    assert "Traceback" not in done.stderr
    assert "a fault of covidcxr" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert not any(line.startswith("ok      forged") for line in (done.stdout + done.stderr).splitlines())
    if command == "lungs":
        assert len(list((tmp_path / "masks").glob("*.png"))) == 5


def test_an_error_is_one_line_whatever_the_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run_command(["predict", str(tmp_path / "no\nbundle\x1b[2J"), "film.png"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no\\nbundle\\x1b[2J" in line
