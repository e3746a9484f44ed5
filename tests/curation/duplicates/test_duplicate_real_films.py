"""On images of the public sources: a copy under another name, and one patient on another day."""

from __future__ import annotations

from pathlib import Path

import pytest

from covidcxr.curation.duplicates import find_duplicates
from covidcxr.imaging.reading import read_gray8
from covidcxr.imaging.screening.view import MIN_FRONTAL, picture_view
from covidcxr.sources.lookup import find_sources_root

pytestmark = pytest.mark.real_data

COPIES = (
    "16660_3_1.jpg",
    "covid-19-rapidly-progressive-acute-respiratory-distress-syndrome-ards-day-1.jpg",
)
ONE_PATIENT_TWO_DAYS = ("1-s2.0-S2214250920300834-gr1_lrg-b.png", "1-s2.0-S2214250920300834-gr1_lrg-d.png")


@pytest.fixture
def images() -> Path:
    root = find_sources_root(None)
    if root is None or not (root / "covid-chestxray-dataset" / "images").is_dir():
        pytest.skip("no covid-chestxray-dataset here; set COVIDCXR_SOURCES")
    return root / "covid-chestxray-dataset" / "images"


def test_a_film_published_twice_is_found_and_a_film_of_another_day_is_not(images: Path) -> None:
    names = [*COPIES, *ONE_PATIENT_TWO_DAYS]
    found = find_duplicates([images / name for name in names], names, workers=1)
    assert found.id_pairs() == [tuple(sorted(COPIES))]
    assert {frozenset((pair.id_a, pair.id_b)) for pair in found.similar} == {frozenset(ONE_PATIENT_TWO_DAYS)}


def test_a_ct_slice_and_a_lateral_film_are_not_taken_for_frontal_films(images: Path) -> None:
    for name in ("1-s2.0-S0929664620300449-gr3_lrg-a.jpg", "covid-19-pneumonia-15-L.jpg"):
        assert picture_view(read_gray8(images / name).as_uint8()).frontal < MIN_FRONTAL
    assert picture_view(read_gray8(images / COPIES[0]).as_uint8()).frontal >= MIN_FRONTAL
