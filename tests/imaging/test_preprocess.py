from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import films
from covidcxr.core.types import PreprocessSpec, Radiograph
from covidcxr.imaging.encoding import encode_jpeg, shrink, to_uint8
from covidcxr.imaging.phash import perceptual_hash
from covidcxr.imaging.preprocess import preprocess, squeeze, standard_intensity
from covidcxr.imaging.reading import read_gray8

FILM = films.film(120, 90)


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 70), columns=st.integers(1, 70), size=st.integers(1, 48), value=st.integers(0, 255))
def test_a_flat_image_stays_flat_at_any_size(rows: int, columns: int, size: int, value: int) -> None:
    squeezed = squeeze(np.full((rows, columns), value, np.uint8), size)
    assert squeezed.shape == (size, size)
    np.testing.assert_allclose(squeezed, value / 255, atol=1e-5)


def test_shrinking_averages_and_keeps_the_mean() -> None:
    checkers = np.indices((64, 64)).sum(axis=0) % 2 * 255
    np.testing.assert_allclose(squeeze(checkers.astype(np.uint8), 32), 0.5, atol=1e-6)


def test_shrinking_one_side_while_the_other_grows_does_not_alias() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (8, 64))  # 8 rows, 128 columns
    np.testing.assert_allclose(squeeze(stripes, 32), 0.5, atol=1e-6)


def test_bytes_and_floats_squeeze_alike() -> None:
    np.testing.assert_allclose(squeeze(FILM, 40), squeeze((FILM / 255).astype(np.float32), 40), atol=1e-6)


def test_cropping_keeps_the_middle() -> None:
    image = np.zeros((100, 60), np.uint8)
    image[25:75, 15:45] = 255
    assert squeeze(image, 10, crop=0.5).min() == 1.0
    assert squeeze(image, 10).min() == 0.0


def test_standardize_sets_mean_and_deviation_whatever_the_exposure() -> None:
    soft = (0.4 + 0.1 * films.film(60, 60) / 255).astype(np.float32)
    found = standard_intensity(soft, "standardize")
    assert found.mean() == pytest.approx(0.5, abs=0.02)
    assert found.std() == pytest.approx(0.25, abs=0.02)
    np.testing.assert_allclose(found, standard_intensity(0.5 * soft + 0.2, "standardize"), atol=1e-4)


def test_standardize_clips_outliers_at_black_and_white() -> None:
    pixels = np.full((16, 16), 0.5, np.float32)
    pixels[0, :8], pixels[0, 8:] = 0.0, 1.0  # 8 deviations below and above
    standard = standard_intensity(pixels, "standardize")
    assert (standard.min(), standard.max()) == (0.0, 1.0)
    assert (standard[0, 0], standard[0, -1]) == (0.0, 1.0)


def test_squeezed_pixels_lie_between_black_and_white_whatever_rounding_gave() -> None:
    beyond = np.full((16, 16), 1.00005, np.float32)  # as far as `check_pixels` lets resampled pixels go
    beyond[:8] = -0.00005
    for size in (8, 16, 40):
        squeezed = squeeze(beyond, size)
        assert (squeezed.min(), squeezed.max()) == (0.0, 1.0)


def test_standardize_of_a_flat_image_is_middle_gray() -> None:
    assert (standard_intensity(np.full((8, 8), 0.3, np.float32), "standardize") == 0.5).all()


@pytest.mark.parametrize("mode", ["equalize", "clahe"])
def test_histogram_modes_widen_a_narrow_range(mode: str) -> None:
    narrow = (0.4 + 0.1 * films.film(64, 64) / 255).astype(np.float32)
    found = standard_intensity(narrow, mode)  # type: ignore[arg-type]
    assert np.ptp(found) > 1.5 * np.ptp(narrow)
    assert 0.0 <= found.min() <= found.max() <= 1.0


def test_mean_and_deviation_come_last_and_channels_are_equal() -> None:
    radiograph = Radiograph(pixels=(FILM / 255).astype(np.float32), origin="film")
    found = preprocess(radiograph, PreprocessSpec(size=24, channels=3, mean=0.5, std=0.25))
    assert found.shape == (3, 24, 24)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], (squeeze(FILM, 24) - 0.5) / 0.25, atol=1e-5)
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()


def test_shrink_keeps_the_shape_and_never_enlarges() -> None:
    assert shrink(FILM, 60).shape == (60, 45)
    assert shrink(FILM, 60).dtype == np.uint8
    assert shrink(FILM, 500) is FILM
    assert shrink(np.zeros((1000, 2), np.uint8), 10).shape == (10, 1)


def test_to_uint8_rounds_and_clips() -> None:
    assert to_uint8(np.array([[-1.0, 0.499 / 255, 0.501 / 255, 2.0]], np.float32)).tolist() == [[0, 0, 1, 255]]


def test_a_jpeg_of_ours_is_gray_and_near_the_original() -> None:
    decoded = read_gray8(encode_jpeg(FILM, 95)).pixels
    assert decoded.shape == FILM.shape
    assert np.abs(decoded.astype(int) - FILM).mean() < 2


def hamming(first: str, second: str) -> int:
    return (int(first, 16) ^ int(second, 16)).bit_count()


def test_the_hash_survives_scaling_exposure_and_compression_but_not_another_film() -> None:
    rng = np.random.default_rng(3)
    film = np.clip(films.film(300, 260) + rng.normal(0, 20, (300, 260)), 0, 255).astype(np.uint8)
    own = perceptual_hash(film)
    assert len(own) == 16
    assert hamming(own, perceptual_hash(shrink(film, 150))) <= 4
    assert hamming(own, perceptual_hash((film * 0.7 + 20).astype(np.uint8))) <= 4
    assert hamming(own, perceptual_hash(read_gray8(encode_jpeg(film, 60)).pixels)) <= 4
    assert hamming(own, perceptual_hash(film[:, ::-1])) > 10
    assert hamming(own, perceptual_hash(rng.integers(0, 255, (300, 260)).astype(np.uint8))) > 10
