from __future__ import annotations

import cv2
import numpy as np
import pytest

from covidcxr.imaging.gate import marks as gate_marks
from covidcxr.imaging.gate.marks import drawn_marks
from covidcxr.imaging.lungs.segment import LungFields
from covidcxr.imaging.screening.drawn_marks import MarkScores


def _film() -> tuple[np.ndarray, LungFields]:
    film = cv2.GaussianBlur(np.random.default_rng(0).random((400, 400)).astype(np.float32), (0, 0), 15)
    film = 0.2 + 0.6 * (film - film.min()) / (film.max() - film.min())
    right, left = np.zeros((400, 400), bool), np.zeros((400, 400), bool)
    right[60:320, 40:180] = True
    left[60:320, 220:360] = True
    return film.astype(np.float32), LungFields(right=right, left=left, confidence=1.0, found=True)


def test_an_arrow_over_a_lung_is_seen_and_a_clean_film_has_none() -> None:
    film, lungs = _film()
    assert drawn_marks(film, lungs) == 0
    marked = (film * 255).astype(np.uint8)
    cv2.arrowedLine(marked, (60, 100), (120, 160), (255,), 4)
    assert drawn_marks(marked.astype(np.float32) / np.float32(255), lungs) >= 1


def test_a_letter_in_the_corner_is_no_mark_over_the_lungs() -> None:
    film, lungs = _film()
    marked = (film * 255).astype(np.uint8)
    cv2.putText(marked, "L", (370, 30), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255,), 3)
    assert drawn_marks(marked.astype(np.float32) / np.float32(255), lungs) == 0


def test_a_soft_bright_spot_is_no_mark() -> None:
    film, lungs = _film()
    grid = np.indices(film.shape)
    spot = np.exp(-((grid[0] - 200) ** 2 + (grid[1] - 100) ** 2) / (2 * 25.0**2))
    assert drawn_marks(np.clip(film + spot, 0, 1).astype(np.float32), lungs) == 0


def test_a_mark_that_only_the_network_sees_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    film, lungs = _film()
    for scores in (MarkScores(marks=0.97, flat_mark=0.0), MarkScores(marks=0.6, flat_mark=0.97)):
        monkeypatch.setattr(gate_marks, "mark_scores", lambda pixels, scores=scores: scores)
        assert gate_marks.describe_marks(film, lungs) == "something drawn over the chest, with probability 0.97"
    monkeypatch.setattr(gate_marks, "mark_scores", lambda pixels: MarkScores(marks=0.6, flat_mark=0.0))
    assert gate_marks.describe_marks(film, lungs) == ""
    marked = (film * 255).astype(np.uint8)
    cv2.arrowedLine(marked, (60, 100), (120, 160), (255,), 4)
    assert "over the lungs" in gate_marks.describe_marks(marked.astype(np.float32) / np.float32(255), lungs)
