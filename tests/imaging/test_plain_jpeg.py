from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.decoded import MAX_PIXELS
from covidcxr.imaging.encoding import encode_jpeg
from covidcxr.imaging.plain_jpeg import decode_plain_jpeg, read_plain_first
from covidcxr.imaging.reading import read

Y, X = np.mgrid[0:61, 0:83]
GRAY = ((X * 3 + Y * 5 + 20 * np.sin(X / 4)) % 256).astype(np.uint8)
COLOUR = np.stack([GRAY, GRAY[::-1], GRAY[:, ::-1]], axis=2)


def jpeg(pixels: np.ndarray, mode: str | None = None, **options: Any) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(stream, "JPEG", **options)
    return stream.getvalue()


def luma(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        image.draft("L", image.size)
        return np.asarray(image)


@pytest.mark.parametrize("pixels", [GRAY, COLOUR], ids=["gray", "colour"])
@pytest.mark.parametrize(
    "options",
    [
        {"quality": 30},
        {"quality": 95, "progressive": True},
        {"subsampling": 0},
        {"restart_marker_rows": 1, "comment": b"words"},
        {"optimize": True},
    ],
    ids=["coarse", "progressive", "full-colour", "restarts", "optimised"],
)
def test_the_short_way_gives_pillows_pixels(pixels: np.ndarray, options: dict[str, Any]) -> None:
    data = jpeg(pixels, **options)
    found = decode_plain_jpeg(data, max_pixels=MAX_PIXELS)
    assert found is not None
    np.testing.assert_array_equal(found, luma(data))


def test_whatever_is_not_plain_takes_the_long_way() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = jpeg(GRAY)
    unusual = [
        jpeg(GRAY, exif=exif),
        jpeg(COLOUR, "CMYK"),
        jpeg(COLOUR, keep_rgb=True),
        whole[:-40],
        whole + b"\0",
        whole[:30] + whole[-2:],
        b"\xff\xd8\xff\xd9",
        b"",
    ]
    assert [decode_plain_jpeg(data, max_pixels=MAX_PIXELS) for data in unusual] == [None] * len(unusual)
    assert decode_plain_jpeg(whole, max_pixels=GRAY.size - 1) is None
    assert read(unusual[0]).pixels.shape == GRAY.T.shape


def test_damaged_data_in_a_compile_never_raises_anything_but_its_reason() -> None:
    whole = jpeg(GRAY)
    generator = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in generator.integers(2, len(whole) - 2, size=12):
            damaged[place] = generator.integers(256)
        try:
            assert read_plain_first(bytes(damaged), origin="damaged").pixels.dtype == np.uint8
        except ImageReadError as error:
            assert error.reason  # noqa: PT017 - some of the files are read


def test_a_coloured_jpeg_is_still_remarked_upon() -> None:
    assert read(jpeg(COLOUR)).warnings == ("colour image: its luma was taken",)
    assert read(jpeg(GRAY)).warnings == ()


@pytest.mark.parametrize("quality", [60, 90, 95])
def test_encoding_gives_pillows_bytes(quality: int) -> None:
    assert encode_jpeg(GRAY, quality) == jpeg(GRAY, quality=quality)
