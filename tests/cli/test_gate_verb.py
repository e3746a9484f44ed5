from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from covidcxr.cli.main import run_command
from covidcxr.sources.phantom_films import draw_film


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    film = draw_film(np.random.default_rng(3), "normal", size=300)
    cv2.imwrite(str(folder / "a-film.png"), film)
    cv2.imwrite(str(folder / "b-turned.png"), np.rot90(film, 2))
    (folder / "c-text.png").write_text("nothing")
    return folder


def test_each_input_gets_a_verdict_and_refusals_set_the_exit_code(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["gate", str(folder), "--json"]) == 2
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["verdict"] == "refuse" for line in lines] == [False, True, True]
    assert lines[1]["repair"] == "turn-180"
    assert lines[2]["reasons"][0].startswith("not-an-image: ")
    assert run_command(["gate", str(folder / "a-film.png"), "--quiet"]) == 0


def test_films_are_turned_only_where_asked_for(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "right"
    run_command(["gate", str(folder), "--turn", str(out), "--quiet"])
    assert [path.name for path in out.glob("*.png")] == ["b-turned.png"]
    righted = cv2.imread(str(out / "b-turned.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(righted, cv2.imread(str(folder / "a-film.png"), cv2.IMREAD_UNCHANGED))


def test_films_of_one_name_and_of_sixteen_bits_are_all_kept(folder: Path, tmp_path: Path) -> None:
    other = folder / "other"
    other.mkdir()
    deep = draw_film(np.random.default_rng(3), "normal", size=300).astype(np.uint16) * 256 + 77
    cv2.imwrite(str(other / "b-turned.png"), np.rot90(deep, 2))
    out = tmp_path / "right"
    run_command(["gate", str(folder), "--turn", str(out), "--quiet"])
    assert sorted(path.name for path in out.glob("*.png")) == ["b-turned.2.png", "b-turned.png"]
    assert np.array_equal(cv2.imread(str(out / "b-turned.2.png"), cv2.IMREAD_UNCHANGED), deep)
