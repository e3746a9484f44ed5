from __future__ import annotations

import numpy as np
import pytest

from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.lungs.segment import LungFields
from covidcxr.imaging.lungs.zones import ZONES, blackout_lungs, crop_to_lungs, lung_zones


def _fields() -> LungFields:
    right, left = np.zeros((100, 120), bool), np.zeros((100, 120), bool)
    right[10:70, 20:50] = True
    left[20:80, 70:100] = True
    return LungFields(right=right, left=left, confidence=1.0, found=True, box=(20, 10, 80, 70))


def test_zones_are_thirds_of_each_lungs_own_height_and_add_up_to_the_lung() -> None:
    fields = _fields()
    zones = lung_zones(fields)
    assert tuple(zones) == ZONES
    assert sum(zone.astype(int) for zone in zones.values()).max() == 1
    assert np.array_equal(np.any(list(zones.values()), axis=0), fields.both)
    rows = np.flatnonzero(zones["left lower"].any(axis=1))
    assert (rows.min(), rows.max()) == (60, 79)
    assert zones["right upper"].sum() == 20 * 30


def test_zones_of_a_film_without_lungs_are_empty() -> None:
    empty = np.zeros((50, 50), bool)
    zones = lung_zones(LungFields(right=empty, left=empty, confidence=0.0, found=False))
    assert not any(zone.any() for zone in zones.values())


def test_the_crop_is_the_box_with_its_margin_inside_the_film() -> None:
    film = np.arange(12000, dtype=np.float32).reshape(100, 120)
    crop, (x, y, width, height) = crop_to_lungs(film, _fields(), margin=0.1)
    assert (x, y, width, height) == (12, 2, 96, 86)
    assert np.array_equal(crop, film[y : y + height, x : x + width])


def test_blackouts_keep_exactly_one_part() -> None:
    film = np.ones((100, 120), np.float32)
    fields = _fields()
    lungs, rest = blackout_lungs(film, fields, keep="lungs"), blackout_lungs(film, fields, keep="rest")
    assert np.array_equal(lungs + rest, film)
    assert np.array_equal(lungs > 0, fields.both)


def test_a_mask_of_another_size_is_refused_with_both_sizes() -> None:
    with pytest.raises(ImageReadError, match=r"\(100, 120\).*\(50, 60\)"):
        crop_to_lungs(np.zeros((50, 60), np.float32), _fields())
