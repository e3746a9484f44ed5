from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from covidcxr.imaging.screening.colour import colour_score
from covidcxr.imaging.screening.picture_checks import MIN_COLOUR

GRAY = np.add.outer(np.arange(300), np.arange(300)).astype(np.float32) / 600
FILM = np.repeat((255 * GRAY).astype(np.uint8)[..., None], 3, axis=2)


def stored(pixels: np.ndarray, file_format: str = "PNG", mode: str = "RGB") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, file_format)
    return stream.getvalue()


def with_box(colour: tuple[int, int, int], *, thickness: int = 4) -> np.ndarray:
    film = FILM.copy()
    film[100:140, 100:140] = colour
    film[100 + thickness : 140 - thickness, 100 + thickness : 140 - thickness] = FILM[:1, :1]
    return film


@pytest.mark.parametrize(("file_format", "mode"), [("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("JPEG", "RGB")])
@pytest.mark.parametrize("colour", [(230, 20, 20), (20, 200, 40), (250, 230, 20)])
def test_a_coloured_box_is_found_however_it_is_stored(
    file_format: str, mode: str, colour: tuple[int, int, int]
) -> None:
    share = 4 * 4 * (40 - 4) / 270**2  # of the image without its frame
    data = stored(with_box(colour), file_format, mode)
    assert colour_score(data) == pytest.approx(1000 * share, rel=0.25)


def test_a_large_jpeg_is_judged_at_a_fraction_of_its_size() -> None:
    large = np.asarray(Image.fromarray(with_box((230, 20, 20))).resize((1500, 1500), Image.Resampling.NEAREST))
    assert colour_score(stored(large, "JPEG")) > 10 * MIN_COLOUR


@pytest.mark.parametrize(("file_format", "mode"), [("PNG", "L"), ("PNG", "RGB"), ("JPEG", "L"), ("JPEG", "RGB")])
def test_a_gray_mark_and_a_gray_film_have_no_colour(file_format: str, mode: str) -> None:
    assert colour_score(stored(with_box((255, 255, 255)), file_format, mode)) == 0.0


def test_a_coloured_border_of_a_screenshot_is_no_mark() -> None:
    film = FILM.copy()
    film[:3] = (20, 200, 40)
    assert colour_score(stored(film)) == 0.0


def test_a_film_tinted_as_a_whole_is_not_marked() -> None:
    tinted = (FILM * np.array([0.6, 0.3, 1.0])).astype(np.uint8)
    assert colour_score(stored(tinted)) == 0.0


@pytest.mark.parametrize("data", [b"", b"no image", stored(with_box((230, 20, 20)))[:200]])
def test_what_has_no_readable_colours_scores_nothing(data: bytes) -> None:
    assert colour_score(data) == 0.0
