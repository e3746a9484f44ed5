from __future__ import annotations

import numpy as np
import pytest

from covidcxr.core.errors import ExplainError
from covidcxr.core.types import PreprocessSpec
from covidcxr.explain.focus import (
    counted,
    describe_zones,
    peak_hits,
    positive,
    rank_agreement,
    seen_part,
    share_inside,
    to_film,
    zone_shares,
)
from covidcxr.imaging.lungs.segment import LungFields
from covidcxr.imaging.lungs.zones import lung_zones


def _mask() -> np.ndarray:
    mask = np.zeros((10, 10), bool)
    mask[:, :5] = True
    return mask


def test_the_share_counts_positive_attribution_only() -> None:
    heat = np.zeros((10, 10), np.float32)
    heat[0, 0], heat[0, 9], heat[5, 5] = 3.0, 1.0, -7.0
    assert share_inside(heat, _mask()) == pytest.approx(0.75)


def test_without_positive_attribution_there_is_no_share() -> None:
    assert share_inside(np.full((10, 10), -1.0, np.float32), _mask()) is None


def test_what_is_less_than_a_fifth_as_hot_as_the_hottest_is_not_counted() -> None:
    heat = np.array([[5.0, 1.0, 0.99, 0.0, -3.0]], np.float32)
    assert counted(heat).tolist() == [[5.0, 1.0, 0.0, 0.0, 0.0]]
    assert not counted(np.full((2, 2), -1.0, np.float32)).any()


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ExplainError, match=r"\(8, 8\).*\(10, 10\)"):
        share_inside(np.zeros((8, 8), np.float32), _mask())


def test_positive_scales_to_one_and_drops_what_speaks_against() -> None:
    assert positive(np.array([[-2.0, 1.0, 4.0]], np.float32)).tolist() == [[0.0, 0.25, 1.0]]
    assert not positive(np.array([[-2.0, 0.0]], np.float32)).any()
    assert not positive(np.array([[np.nan, 1.0]], np.float32)).any()


def test_a_cropped_map_goes_back_to_the_middle_of_the_film() -> None:
    film = to_film(np.ones((7, 7), np.float32), PreprocessSpec(size=28, crop=0.5), (40, 80))
    assert film.sum() == 20 * 40
    assert film[10:30, 20:60].all()


def test_a_map_of_a_region_goes_back_to_its_box() -> None:
    film = to_film(np.ones((7, 7), np.float32), PreprocessSpec(size=28, region="lungs"), (40, 80), (10, 5, 30, 20))
    assert film.sum() == 30 * 20
    assert film[5:25, 10:40].all()


def test_the_seen_part_is_the_crop_of_the_region() -> None:
    assert seen_part(PreprocessSpec(size=28), (40, 80)).all()
    part = seen_part(PreprocessSpec(size=28, crop=0.5, region="lungs"), (40, 80), (10, 4, 40, 20))
    assert part.sum() == 20 * 10
    assert part[9:19, 20:40].all()


def test_the_hot_half_of_a_map_stays_on_its_side_of_the_film() -> None:
    heat = np.zeros((4, 4), np.float32)
    heat[:, :2] = 1.0
    film = to_film(heat, PreprocessSpec(size=16), (30, 60))
    assert film[:, :15].min() == 1.0
    assert film[:, 45:].max() == 0.0


def test_zones_are_described_by_where_the_heat_is() -> None:
    right, left = np.zeros((60, 60), bool), np.zeros((60, 60), bool)
    right[:, 5:25] = True
    left[:, 35:55] = True
    zones = lung_zones(LungFields(right=right, left=left, confidence=1.0, found=True))
    heat = np.zeros((60, 60), np.float32)
    heat[45:55, 10:20] = 1.0
    heat[25:30, 40:50] = 1.0
    shares = zone_shares(heat, zones)
    assert shares["right lower"] == pytest.approx(2 / 3)
    assert shares["left middle"] == pytest.approx(1 / 3)
    assert describe_zones(shares) == "right lower, left middle"


def test_the_pointing_game_allows_its_tolerance_and_no_more() -> None:
    heat = np.zeros((10, 10), np.float32)
    heat[5, 7] = 1.0
    assert not peak_hits(heat, _mask(), tolerance=2)
    assert peak_hits(heat, _mask(), tolerance=3)
    assert not peak_hits(np.zeros((10, 10), np.float32), _mask())


def test_agreement_is_one_with_itself_minus_one_with_its_opposite_and_zero_with_nothing() -> None:
    heat = np.random.default_rng(0).random((32, 32)).astype(np.float32)
    assert rank_agreement(heat, heat) == pytest.approx(1.0)
    assert rank_agreement(heat, -heat) == pytest.approx(-1.0)
    assert rank_agreement(heat, np.ones_like(heat)) == 0.0
