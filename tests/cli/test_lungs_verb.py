from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from covidcxr.cli.main import run_command
from covidcxr.sources.phantom_films import draw_film


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    for name, kind in (("front.png", "normal"), ("slice.png", "ct")):
        cv2.imwrite(str(folder / name), draw_film(np.random.default_rng(3), kind))
    return folder


def test_each_film_gets_a_mask_of_its_size_and_a_line(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["lungs", str(films), "--out", str(tmp_path / "masks"), "--json", "--quiet"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(Path(line["input"]).name, line["status"]) for line in lines] == [
        ("front.png", "ok"),
        ("slice.png", "no-lungs"),
    ]
    mask = cv2.imread(str(tmp_path / "masks" / "front.png"), cv2.IMREAD_UNCHANGED)
    film = cv2.imread(str(films / "front.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == film.shape
    assert set(np.unique(mask)) == {0, 255}
    assert not cv2.imread(str(tmp_path / "masks" / "slice.png"), cv2.IMREAD_UNCHANGED).any()


def test_sides_are_marked_1_and_2(films: Path, tmp_path: Path) -> None:
    assert run_command(["lungs", str(films / "front.png"), "--out", str(tmp_path / "m"), "--sides", "--quiet"]) == 0
    mask = cv2.imread(str(tmp_path / "m" / "front.png"), cv2.IMREAD_UNCHANGED)
    assert set(np.unique(mask)) == {0, 1, 2}
    assert np.nonzero(mask == 1)[1].mean() < np.nonzero(mask == 2)[1].mean()


def test_an_unreadable_input_is_named_and_the_others_are_done(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    arguments = ["lungs", str(bad), str(tmp_path / "none.png"), str(films / "front.png")]
    assert run_command([*arguments, "--out", str(tmp_path / "m"), "--json", "--quiet"]) == 2
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(line["status"] for line in lines) == ["error", "error", "ok"]
    assert (tmp_path / "m" / "front.png").is_file()
    assert not (tmp_path / "m" / "bad.png").exists()


def test_two_films_of_one_stem_do_not_overwrite_each_other(films: Path, tmp_path: Path) -> None:
    other = films / "front.jpg"
    cv2.imwrite(str(other), draw_film(np.random.default_rng(9), "normal", size=120))
    assert run_command(["lungs", str(films), "--out", str(tmp_path / "m"), "--quiet"]) == 0
    assert len(list((tmp_path / "m").glob("front*.png"))) == 2


def test_a_folder_is_listed_as_predict_lists_it(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (films / "labels.csv").write_text("path,label\nfront.png,normal\n")
    (films / "README.md").write_text("films")
    assert run_command(["lungs", str(films), "--out", str(tmp_path / "m"), "--json", "--quiet"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(line["input"]).name for line in lines] == ["front.png", "slice.png"]
