from __future__ import annotations

import sqlite3
from pathlib import Path

import cv2
import numpy as np
import pytest

from covidcxr.curation.duplicates import Confirmation, ImageFeatures, compute_features
from covidcxr.curation.film_memory import FilmMemory

FILM = compute_features(np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8))
FOUND = Confirmation(num_inliers=9, correlation=0.1 + 0.2, score=0.9, transform=((1.0, 0.0, 0.1), (0.0, 1.0, 0.3)))


def never() -> ImageFeatures:
    raise AssertionError("measured again")


def not_again() -> Confirmation:
    raise AssertionError("compared again")


def fill(folder: Path) -> None:
    with FilmMemory(folder) as memory:
        memory.features("a" * 64, lambda: FILM)
        memory.comparison("a" * 64, "b" * 64, mirrored=False, compute=lambda: FOUND)
        memory.comparison("a" * 64, "b" * 64, mirrored=True, compute=Confirmation)


def test_what_was_found_out_is_known_later_exactly(tmp_path: Path) -> None:
    fill(tmp_path)
    with FilmMemory(tmp_path) as memory:
        assert memory.features("a" * 64, never).to_bytes() == FILM.to_bytes()
        assert memory.comparison("a" * 64, "b" * 64, mirrored=False, compute=not_again) == FOUND
        assert memory.comparison("a" * 64, "b" * 64, mirrored=True, compute=not_again) == Confirmation()
        with pytest.raises(AssertionError, match="compared again"):
            memory.comparison("b" * 64, "a" * 64, mirrored=False, compute=not_again)


def test_another_version_of_the_code_starts_anew_and_removes_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path)
    monkeypatch.setattr(cv2, "__version__", "another")
    with FilmMemory(tmp_path) as memory, pytest.raises(AssertionError, match="measured again"):
        memory.features("a" * 64, never)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    fill(tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"no database, but words" * 100)
    fill(tmp_path)
    with FilmMemory(tmp_path) as memory:
        memory.features("a" * 64, never)


def test_a_damaged_row_is_measured_again(tmp_path: Path) -> None:
    fill(tmp_path)
    (path,) = tmp_path.iterdir()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE films SET features = substr(features, 1, 99)")
        database.execute("UPDATE comparisons SET found = '{'")
    database.close()
    fill(tmp_path)
    with FilmMemory(tmp_path) as memory:
        memory.features("a" * 64, never)
        memory.comparison("a" * 64, "b" * 64, mirrored=False, compute=not_again)


def test_without_a_place_to_write_the_search_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with FilmMemory(tmp_path / "file") as memory:
        assert memory.features("a" * 64, lambda: FILM) is FILM
        assert memory.comparison("a", "b", mirrored=False, compute=lambda: FOUND) is FOUND


def test_a_file_that_is_locked_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("covidcxr.curation.film_memory._LOCK_SECONDS", 0.05)
    fill(tmp_path)
    (path,) = tmp_path.iterdir()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with FilmMemory(tmp_path) as memory:
        assert memory.features("c" * 64, lambda: FILM) is FILM
    other.close()
