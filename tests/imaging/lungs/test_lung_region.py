from __future__ import annotations

import numpy as np
import pytest

from covidcxr.core.types import PreprocessSpec, Radiograph, View
from covidcxr.imaging.lungs.region import MARGIN, cut_to_lungs, lung_region
from covidcxr.imaging.lungs.segment import segment_lungs
from covidcxr.imaging.preprocess import part_of, preprocess, squeeze
from covidcxr.sources.phantom_films import draw_film


@pytest.fixture(scope="module")
def film() -> np.ndarray:
    return draw_film(np.random.default_rng(5), "normal", size=300)


def test_the_region_holds_both_lungs_with_a_margin_and_stays_on_the_film(film: np.ndarray) -> None:
    fields = segment_lungs(film)
    x, y, width, height = lung_region(fields)
    assert 0 <= x < x + width <= film.shape[1]
    assert 0 <= y < y + height <= film.shape[0]
    assert not np.delete(fields.both, np.s_[x : x + width], axis=1).any()
    assert fields.box is not None
    assert width <= round((1 + 2 * MARGIN) * fields.box[2]) + 1
    assert np.shares_memory(cut_to_lungs(film), film)


def test_a_film_without_lungs_is_seen_whole() -> None:
    gray = np.full((80, 60), 90, np.uint8)
    assert part_of(gray, "lungs").shape == (80, 60)


def test_a_network_sees_the_region_that_its_spec_names(film: np.ndarray) -> None:
    radiograph = Radiograph(pixels=(film / 255).astype(np.float32), view=View.UNKNOWN, origin="film")
    seen = preprocess(radiograph, PreprocessSpec(size=40, region="lungs"))
    np.testing.assert_allclose(seen[0], squeeze(cut_to_lungs(radiograph.pixels), 40), atol=1e-6)
    assert np.abs(seen - preprocess(radiograph, PreprocessSpec(size=40))).max() > 0.1
