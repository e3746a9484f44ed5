from __future__ import annotations

import cv2
import numpy as np
import pytest

from covidcxr.imaging.lungs.segment import LungFields
from covidcxr.imaging.screening import drawn_marks, flat_marks
from covidcxr.imaging.screening.drawn_marks import mark_scores
from covidcxr.imaging.screening.flat_marks import flat_mark_score

SIDE = 448
SURE = np.full((28, 28), 0.8, np.float32)


@pytest.fixture(autouse=True)
def lungs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the lungs of every image into its middle half."""

    def segment(film: np.ndarray) -> LungFields:
        rows, columns = film.shape
        right, left = np.zeros(film.shape, bool), np.zeros(film.shape, bool)
        right[rows // 4 : 3 * rows // 4, columns // 4 : 2 * columns // 5] = True
        left[rows // 4 : 3 * rows // 4, 3 * columns // 5 : 3 * columns // 4] = True
        box = (columns // 4, rows // 4, columns // 2, rows // 2)
        return LungFields(right=right, left=left, confidence=1.0, found=True, box=box)

    monkeypatch.setattr(flat_marks, "segment_lungs", segment)


def film() -> np.ndarray:
    noise = cv2.GaussianBlur(np.random.default_rng(0).random((SIDE, SIDE)).astype(np.float32), (0, 0), 15)
    unit = (noise - noise.min()) / (noise.max() - noise.min())
    return np.rint(60 + 80 * unit).astype(np.uint8)


def with_arrow(tail: tuple[int, int], ink: int = 255) -> np.ndarray:
    marked = film()
    cv2.arrowedLine(marked, tail, (tail[0] + 30, tail[1] + 20), (ink,), 4)
    return marked


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_an_arrow_over_the_chest_scores_what_the_network_says(scale: float) -> None:
    marked = cv2.resize(with_arrow((200, 220)), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    assert flat_mark_score(marked, SURE) == pytest.approx(0.8)


def test_black_ink_on_a_bright_film_counts_too() -> None:
    marked = cv2.add(film(), np.full_like(film(), 60))
    cv2.putText(marked, "*", (200, 220), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (0,), 3)
    assert flat_mark_score(marked, SURE) == pytest.approx(0.8)


def test_an_arrow_far_from_the_lungs_does_not_count() -> None:
    assert flat_mark_score(with_arrow((200, 400)), SURE) == 0.0


def test_where_no_lungs_are_found_the_whole_film_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    none = np.zeros((SIDE, SIDE), bool)
    monkeypatch.setattr(
        flat_marks, "segment_lungs", lambda _: LungFields(right=none, left=none, confidence=0.1, found=False)
    )
    assert flat_mark_score(with_arrow((200, 400)), SURE) == pytest.approx(0.8)


def test_a_shape_that_the_network_is_not_sure_of_does_not_count() -> None:
    cells = SURE.copy()
    cells[12:18, 10:18] = 0.4
    assert flat_mark_score(with_arrow((200, 220)), cells) == 0.0


def test_soft_spots_and_shapes_cut_by_the_border_are_no_marks() -> None:
    rows, columns = np.indices((SIDE, SIDE))
    spot = 255 * np.exp(-((rows - 220) ** 2 + (columns - 220) ** 2) / (2 * 25.0**2))
    assert flat_mark_score(np.clip(film() + spot, 0, 255).astype(np.uint8), SURE) == 0.0
    cut = film()
    cut[:, 200:204] = 255
    assert flat_mark_score(cut, SURE) == 0.0


@pytest.mark.parametrize("shape", [(1, 1), (5, 900), (16, 16)])
def test_tiny_and_narrow_films_are_no_error(shape: tuple[int, int]) -> None:
    assert flat_mark_score(np.full(shape, 255, np.uint8), SURE) == 0.0


@pytest.mark.parametrize(("elsewhere", "expected"), [(0.2, 0.0), (0.4, 0.9)])
def test_only_a_film_in_doubt_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, elsewhere: float, expected: float
) -> None:
    cells = np.full((28, 28), elsewhere, np.float32)
    cells[14, 13] = 0.9  # the mean of the three surest is 0.43 or 0.57
    monkeypatch.setattr(drawn_marks, "mark_map", lambda _: cells)
    assert mark_scores(with_arrow((200, 220))).flat_mark == pytest.approx(expected)
