"""Values of more than eight bits whose range no container states."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

import films
from covidcxr.imaging.reading import read, read_gray8
from covidcxr.imaging.value_range import stated_range, unstated_range
from crafted import nifti

FILM = films.film()
UNIT = FILM / 255.0


def png(values: np.ndarray) -> bytes:
    return cv2.imencode(".png", values.astype(np.uint16))[1].tobytes()


def rgb_png(values: np.ndarray) -> bytes:
    return png(np.repeat(values[..., None], 3, axis=2))


def tiff(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values.astype(np.uint16)).save(stream, "TIFF")
    return stream.getvalue()


def signed_tiff(values: np.ndarray) -> bytes:
    """A TIFF of 16 bits whose SampleFormat (tag 339) is 2."""
    data = bytearray(cv2.imencode(".tiff", values.astype(np.int16), [cv2.IMWRITE_TIFF_COMPRESSION, 1])[1].tobytes())
    assert b"\x53\x01\x03\x00\x01\x00\x00\x00\x02\x00" in data
    return bytes(data)


def dicom(values: np.ndarray) -> bytes:
    return films.dicom(values, bits=16)


def signed_dicom(values: np.ndarray) -> bytes:
    return films.dicom(values, bits=16, signed=True)


def rgb_dicom(values: np.ndarray) -> bytes:
    return films.dicom(np.repeat(values[..., None], 3, axis=2), bits=16, photometric="RGB")


def nifti16(values: np.ndarray) -> bytes:
    flipped = values[::-1, ::-1]  # without an orientation x runs to the left of what is shown, and y upwards
    return nifti((values.shape[1], values.shape[0]), flipped.astype("<u2").tobytes(), code=512)


def signed_nifti(values: np.ndarray) -> bytes:
    flipped = values[::-1, ::-1]
    return nifti((values.shape[1], values.shape[0]), flipped.astype("<i2").tobytes(), code=4)


UNSIGNED = (png, rgb_png, tiff, dicom, rgb_dicom, nifti16)
SIGNED = (signed_tiff, signed_dicom, signed_nifti)


def gray(data: bytes, container: Callable[[np.ndarray], bytes]) -> np.ndarray:
    pixels = read(data).pixels
    return pixels[:, ::-1] if container in (nifti16, signed_nifti) else pixels


@pytest.mark.parametrize("bits", [9, 12, 14])
@pytest.mark.parametrize("container", UNSIGNED + SIGNED)
def test_fewer_bits_than_stated_are_spread_and_told_in_every_container(
    container: Callable[[np.ndarray], bytes], bits: int
) -> None:
    data = container(films.scaled(FILM, bits))
    np.testing.assert_allclose(gray(data, container), UNIT, atol=3e-3)
    assert any(f"16 bits are stated and {bits} used, so 0 to {2**bits - 1}" in one for one in read(data).warnings)
    assert np.abs(read_gray8(data).as_uint8().astype(int) - read(data).pixels * 255).max() <= 0.51


@pytest.mark.parametrize("container", UNSIGNED)
def test_all_sixteen_bits_stay_as_they_are(container: Callable[[np.ndarray], bytes]) -> None:
    values = films.scaled(FILM, 16)
    values[0, :3] = (1, 40_000, 65_534)
    data = container(values)
    np.testing.assert_allclose(gray(data, container), values / 65535, atol=1e-6)
    assert read(data).warnings == ()


@pytest.mark.parametrize("container", SIGNED)
@pytest.mark.parametrize("lowest", [0, -1024, -2048])
def test_black_is_the_lowest_value_in_use_of_signed_ones(container: Callable[[np.ndarray], bytes], lowest: int) -> None:
    data = container(films.scaled(FILM, 12) + lowest)
    np.testing.assert_allclose(gray(data, container), UNIT, atol=1e-3)
    assert any(f"{lowest} to {lowest + 4095}" in one for one in read(data).warnings)


@pytest.mark.parametrize(("stated", "used"), [(14, 12), (12, 10), (16, 14), (16, 15), (12, 11)])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_one_or_two_spare_bits_do_not_darken_a_dicom_image(stated: int, used: int, photometric: str) -> None:
    levels = 255 - FILM if photometric == "MONOCHROME1" else FILM
    radiograph = read(films.dicom(films.scaled(levels, used), bits=stated, photometric=photometric))
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=2e-3)
    assert any(f"{stated} bits are stated and {used} used" in one for one in radiograph.warnings)


def test_a_dim_image_of_eight_bits_stays_dim() -> None:
    dim = (FILM // 4).astype(np.int64)
    for data in (films.encode(FILM // 4, "PNG"), films.dicom(dim), png(dim * 257)):
        radiograph = read(data)
        np.testing.assert_allclose(radiograph.pixels, (FILM // 4) / 255, atol=1e-6)
        assert radiograph.warnings == ()


def test_a_stated_window_and_a_negative_slope_are_followed() -> None:
    stored = films.scaled(FILM, 12)
    window = {"WindowCenter": "32768", "WindowWidth": "65536"}
    dark = read(films.dicom(stored, bits=16, attributes=window))
    np.testing.assert_allclose(dark.pixels, stored / 65535, atol=1e-4)
    turned = read(films.dicom(stored, bits=16, attributes={"RescaleSlope": "-1", "RescaleIntercept": "4095"}))
    np.testing.assert_allclose(turned.pixels, 1.0 - UNIT, atol=1e-3)


def test_a_white_mark_and_undeclared_padding_do_not_hide_the_bits_in_use() -> None:
    big = films.film(200, 180)
    marked = films.scaled(big, 12)
    marked[:3, :5] = 65535
    radiograph = read(png(marked))
    np.testing.assert_allclose(radiograph.pixels[3:], big[3:] / 255, atol=1e-3)
    assert any("% of the pixels lie outside" in one for one in radiograph.warnings)
    padded = films.scaled(big, 12)
    padded[:20] = -32768
    radiograph = read(films.dicom(padded, bits=16, signed=True))
    np.testing.assert_allclose(radiograph.pixels[20:], big[20:] / 255, atol=1e-3)
    assert radiograph.pixels[:20].max() == 0.0


def test_values_far_from_zero_begin_at_their_lowest() -> None:
    shown = unstated_range(films.scaled(FILM, 12) + 32768, bits=16, is_signed=False)
    assert (shown.black, shown.white) == (32768, 36863)


def test_an_overshoot_of_resampling_is_clipped() -> None:
    values = films.scaled(FILM, 12)
    values[0, :2] = (4101, 4110)
    assert unstated_range(values, bits=16, is_signed=False).white == 4095


def test_thirty_two_bits_are_counted_in_steps() -> None:
    generator = np.random.default_rng(1)
    values = generator.integers(0, 1 << 24, 10_000).astype(np.uint32)
    shown = unstated_range(values, bits=32, is_signed=False)
    assert (shown.black, shown.white) == (0, (1 << 24) - 1)
    whole = generator.integers(-(1 << 31), (1 << 31) - 1, 10_000)
    assert unstated_range(whole, bits=32, is_signed=True) == stated_range(bits=32, is_signed=True)


def test_nifti_ranges_that_are_stated_are_followed() -> None:
    data = bytearray(nifti16(films.scaled(FILM, 12)))
    struct.pack_into("<2f", data, 124, 2047.0, 0.0)  # cal_max, cal_min
    pixels = read(bytes(data)).pixels[:, ::-1]
    np.testing.assert_allclose(pixels, np.clip(films.scaled(FILM, 12) / 2047, 0, 1), atol=1e-6)


@pytest.mark.parametrize("value", [0, 5, 40_000, 65535])
def test_an_image_of_one_value_stays_finite(value: int) -> None:
    pixels = read(png(np.full((30, 30), value))).pixels
    assert np.isfinite(pixels).all()
    assert 0.0 <= pixels.min() <= pixels.max() <= 1.0
