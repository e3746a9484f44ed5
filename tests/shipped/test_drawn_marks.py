from __future__ import annotations

import numpy as np
import pytest

from covidcxr.shipped.marks.drawing import draw_beside_chest, draw_on_chest

FILM = np.full((224, 224), 100, np.uint8)


@pytest.mark.parametrize("seed", range(20))
def test_the_mask_covers_what_was_drawn_over_the_chest(seed: int) -> None:
    drawn, mask = draw_on_chest(FILM, np.random.default_rng(seed))
    changed = np.abs(drawn.astype(int) - 100) > 15
    assert changed.sum() >= 4
    near = np.pad(mask > 0, 3)
    grown = np.any([near[row : row + 224, column : column + 224] for row in range(7) for column in range(7)], axis=0)
    assert (changed & ~grown).mean() < 0.002


@pytest.mark.parametrize("seed", range(20))
def test_marks_in_the_margin_leave_the_middle_of_the_film_alone(seed: int) -> None:
    drawn = draw_beside_chest(FILM, np.random.default_rng(seed))
    assert (drawn != 100).any()
    assert (drawn[80:200, 90:150] == 100).mean() > 0.9


def test_drawing_is_decided_by_the_generator_and_spares_the_film() -> None:
    film = FILM.copy()
    first, second = (draw_on_chest(film, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(film, FILM)
