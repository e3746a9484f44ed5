from __future__ import annotations

import numpy as np

from covidcxr.imaging.lungs.segment import LungFields
from covidcxr.imaging.lungs.zones import ZONES, lung_zones


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
