from __future__ import annotations

import cv2
import numpy as np
import pytest

from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.lungs.segment import LungFields
from covidcxr.imaging.overlays import LEFT_COLOUR, RIGHT_COLOUR, colour_table, encode_png, heat_overlay, outline_lungs


def _fields() -> LungFields:
    right, left = np.zeros((80, 80), bool), np.zeros((80, 80), bool)
    right[20:60, 10:30] = True
    left[20:60, 50:70] = True
    return LungFields(right=right, left=left, confidence=1.0, found=True, box=(10, 20, 60, 40))


def test_the_colour_map_gets_lighter_all_the_way_so_that_it_reads_in_gray() -> None:
    lightness = cv2.cvtColor(colour_table()[None], cv2.COLOR_RGB2LAB)[0, :, 0].astype(int)
    assert np.all(np.diff(lightness) >= -1)
    assert lightness[-1] - lightness[0] > 150


def test_each_lung_is_outlined_in_its_own_colour() -> None:
    drawn = outline_lungs(np.zeros((80, 80), np.float32), _fields())
    assert tuple(drawn[40, 10]) == RIGHT_COLOUR
    assert tuple(drawn[40, 50]) == LEFT_COLOUR
    assert tuple(drawn[40, 40]) == (0, 0, 0)


def test_cold_places_show_the_film_and_hot_places_the_map() -> None:
    film = np.full((80, 80), 0.5, np.float32)
    heat = np.zeros((80, 80), np.float32)
    heat[70:, 70:] = 1.0
    overlay = heat_overlay(film, heat, None)
    assert tuple(overlay[5, 5]) == (128, 128, 128)
    assert overlay[75, 75, 0] > overlay[75, 75, 2]
    assert overlay.shape[1] > 80


def test_a_failed_explanation_is_framed() -> None:
    film = np.full((80, 80), 0.5, np.float32)
    heat = np.zeros((80, 80), np.float32)
    plain = heat_overlay(film, heat, _fields())
    failed = heat_overlay(film, heat, _fields(), failed="outside-lungs")
    assert tuple(failed[40, 0]) != tuple(plain[40, 0])


def test_a_heat_map_of_another_size_is_refused() -> None:
    with pytest.raises(ImageReadError, match="one size"):
        heat_overlay(np.zeros((80, 80), np.float32), np.zeros((40, 40), np.float32), None)


def test_png_keeps_every_colour() -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    decoded = cv2.imdecode(np.frombuffer(encode_png(image), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(decoded[:, :, ::-1], image)
