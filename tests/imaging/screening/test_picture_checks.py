from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from covidcxr.imaging.screening.picture_checks import MIN_SIDE, PictureScores, findings, gray_range
from covidcxr.imaging.screening.view import KINDS, MIN_FRONTAL, PictureView, picture_view, view_features

FRONTAL = PictureView(frontal=0.97, lateral=0.01, other_modality=0.01, other_picture=0.005, inverted=0.0, collage=0.005)
GOOD = PictureScores(view=FRONTAL, shorter_side=400, gray_range=0.7, marks=0.05, flat_mark=0.0, colour=0.0)


def view(kind: str) -> PictureView:
    return PictureView(**{name: 0.9 if name == kind else 0.02 for name in KINDS})


def page(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    paper = np.full((400, 300), 250, np.uint8)
    for row in range(20, 390, 14):
        cv2.putText(paper, "words " * int(rng.integers(2, 6)), (10, row), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 20, 1)
    return paper


def test_a_good_frontal_film_has_no_findings() -> None:
    assert findings(GOOD) == {}


@pytest.mark.parametrize(
    ("kind", "finding"),
    [
        ("lateral", "lateral"),
        ("other_modality", "ct"),
        ("other_picture", "not-radiograph"),
        ("inverted", "inverted"),
        ("collage", "collage"),
    ],
)
def test_what_is_not_frontal_is_called_by_its_likeliest_kind(kind: str, finding: str) -> None:
    found = findings(replace(GOOD, view=view(kind)))
    assert list(found) == [finding]
    assert "0.02" in found[finding]
    assert str(MIN_FRONTAL) in found[finding]


def test_small_empty_and_marked_pictures_say_score_and_threshold() -> None:
    assert findings(replace(GOOD, shorter_side=MIN_SIDE - 1)) == {
        "too-small": f"shorter side {MIN_SIDE - 1} pixels, at least {MIN_SIDE} wanted"
    }
    assert list(findings(replace(GOOD, marks=0.99))) == ["annotated"]
    assert "0.99" in findings(replace(GOOD, marks=0.99))["annotated"]


def test_a_flat_shape_and_colour_are_marks_of_their_own_and_the_finding_names_each() -> None:
    assert findings(replace(GOOD, flat_mark=0.7)) == {
        "annotated": "a flat shape over the chest, drawn with probability 0.70, below 0.6 wanted"
    }
    assert findings(replace(GOOD, colour=2.5)) == {"annotated": "2.5 of 1,000 pixels coloured, below 0.3 wanted"}
    assert findings(replace(GOOD, flat_mark=0.7, colour=2.5))["annotated"].count("wanted") == 2
    assert findings(replace(GOOD, marks=0.9, flat_mark=0.55, colour=0.2)) == {}


def test_an_empty_picture_is_not_judged_further() -> None:
    assert list(findings(replace(GOOD, view=view("lateral"), gray_range=0.01, marks=1.0))) == ["near-empty"]


def test_the_gray_range_disregards_a_border_and_single_pixels() -> None:
    pixels = np.full((200, 200), 100, np.uint8)
    pixels[:8] = 255
    pixels[100, 100] = 255
    assert gray_range(pixels) == 0.0
    pixels[:, 100:] = 151
    assert gray_range(pixels) == pytest.approx(0.2)


def test_the_probabilities_add_up_to_one_and_do_not_depend_on_the_size() -> None:
    small, large = picture_view(page()), picture_view(cv2.resize(page(), (900, 1200), interpolation=cv2.INTER_CUBIC))
    for found in (small, large):
        assert sum(getattr(found, kind) for kind in KINDS) == pytest.approx(1.0)
        assert found.frontal < 0.2


@pytest.mark.parametrize("seed", range(3))
def test_a_page_of_text_is_no_frontal_film(seed: int) -> None:
    assert picture_view(page(seed)).frontal < MIN_FRONTAL


@pytest.mark.parametrize("shape", [(1, 1), (5, 900), (64, 64), (700, 600)])
def test_features_have_their_number_and_are_finite_whatever_the_shape(shape: tuple[int, int]) -> None:
    features = view_features(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    assert features.shape == (2166,)
    assert np.isfinite(features).all()
