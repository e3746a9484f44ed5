from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import covidcxr.imaging
import films
from covidcxr.core.errors import ImageReadError, ImageTooLargeError
from covidcxr.imaging.reading import REASONS, read, read_frames, read_gray8

FILM = films.film()
UNIT = FILM / 255.0
LOSSLESS = {"PNG": {}, "TIFF": {}, "BMP": {}, "GIF": {}, "WebP": {"lossless": True}}


def png16(values: np.ndarray) -> bytes:
    """Return a 16-bit PNG of gray, RGB or RGBA values (in that order of channels)."""
    stored = values if values.ndim == 2 else values[..., [2, 1, 0, 3][: values.shape[2]]]
    return cv2.imencode(".png", stored.astype(np.uint16))[1].tobytes()


def save(image: Image.Image, file_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


@pytest.mark.parametrize("file_format", LOSSLESS)
def test_a_gray_film_comes_back_from_each_format(file_format: str) -> None:
    radiograph = read(films.encode(FILM, file_format, **LOSSLESS[file_format]))
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=1e-6)
    assert radiograph.pixels.dtype == np.float32
    assert radiograph.warnings == ()


def test_the_content_and_not_the_name_tells_the_format(tmp_path: Path) -> None:
    path = tmp_path / "film.jpg"
    path.write_bytes(films.encode(FILM, "PNG"))
    assert (read_gray8(path).pixels == FILM).all()
    assert read(path).origin == str(path)


def test_a_file_object_is_read_like_its_bytes() -> None:
    radiograph = read(io.BytesIO(films.encode(FILM, "PNG")), origin="upload")
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=1e-6)
    assert radiograph.origin == "upload"


@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA", "LA", "1"])
def test_gray_in_other_modes_keeps_its_values(mode: str) -> None:
    source = Image.fromarray(np.where(FILM > 127, 255, 0).astype(np.uint8) if mode == "1" else FILM)
    expected = np.asarray(source)
    assert (read_gray8(save(source.convert(mode), "PNG")).pixels == expected).all()


def test_colour_becomes_luma_and_is_told() -> None:
    colour = np.zeros((80, 80, 3), np.uint8)
    colour[:40], colour[40:] = (255, 0, 0), (0, 0, 255)
    radiograph = read(save(Image.fromarray(colour), "PNG"))
    assert radiograph.pixels[0, 0] == pytest.approx(0.299, abs=2e-3)  # ITU-R BT.601
    assert radiograph.pixels[-1, 0] == pytest.approx(0.114, abs=2e-3)
    assert radiograph.warnings == ("colour image: its luma was taken",)


def test_a_colour_jpeg_gives_the_luma_of_its_rgb() -> None:
    colour = np.stack([FILM, FILM // 2, 255 - FILM], axis=2)
    data = save(Image.fromarray(colour), "JPEG", quality=95, subsampling=0)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(image.convert("RGB").convert("L"), dtype=int)
    assert np.abs(read_gray8(data).pixels - expected).max() <= 2


def test_transparent_parts_are_black_and_told() -> None:
    alpha = np.full_like(FILM, 255)
    alpha[:10], alpha[10:20] = 0, 128
    radiograph = read(save(Image.fromarray(np.dstack([FILM, FILM, FILM, alpha])), "PNG"))
    np.testing.assert_allclose(radiograph.pixels, UNIT * (alpha / 255.0), atol=3e-3)
    assert radiograph.warnings == ("transparent parts shown over black",)


def test_a_transparent_palette_entry_is_black() -> None:
    image = Image.fromarray(FILM).convert("P")
    assert read_gray8(save(image, "PNG", transparency=255)).pixels[FILM == 255].max() == 0


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_kept(channels: int) -> None:
    values = films.scaled(FILM, 16)
    values[0, :4] = [0, 1, 255, 256]
    stacked = values if channels == 1 else np.repeat(values[..., np.newaxis], channels, axis=2)
    if channels == 4:
        stacked[..., 3] = 65535
    radiograph = read(png16(stacked))
    assert radiograph.bits_stored == 16
    np.testing.assert_allclose(radiograph.pixels, values / 65535, atol=1e-6)


def test_sixteen_bit_transparency_is_black() -> None:
    values = np.repeat(films.scaled(FILM, 16)[..., np.newaxis], 4, axis=2)
    values[..., 3] = 65535
    values[:10, :, 3] = 0
    radiograph = read(png16(values))
    assert radiograph.pixels[:10].max() == 0.0
    np.testing.assert_allclose(radiograph.pixels[10:], UNIT[10:], atol=1e-4)


def test_gray8_of_sixteen_bits_is_rounded() -> None:
    decoded = read_gray8(png16(films.scaled(FILM, 16)))
    assert (decoded.pixels == FILM).all()
    assert (decoded.pixels.dtype, decoded.bits_stored) == (np.uint8, 16)


@pytest.mark.parametrize("bits", [8, 16])
def test_tiff_whose_white_is_zero_is_inverted(bits: int) -> None:
    values = films.scaled(FILM, bits).astype(np.uint8 if bits == 8 else np.uint16)
    image = Image.fromarray(values)
    stream = io.BytesIO()
    image.save(stream, "TIFF")
    data = bytearray(stream.getvalue())
    entry = data.index(b"\x06\x01\x03\x00\x01\x00\x00\x00")  # tag 262, SHORT, one value
    data[entry + 8 : entry + 10] = b"\x00\x00"
    np.testing.assert_allclose(read(bytes(data)).pixels, 1.0 - values / ((1 << bits) - 1), atol=1e-6)


def test_float_tiff_in_the_unit_range_is_read_and_any_other_refused() -> None:
    inside = save(Image.fromarray(UNIT.astype(np.float32)), "TIFF")
    np.testing.assert_allclose(read(inside).pixels, UNIT, atol=1e-6)
    with pytest.raises(ImageReadError, match=r"outside \[0, 1\]") as caught:
        read(save(Image.fromarray(FILM.astype(np.float32)), "TIFF"))
    assert caught.value.reason == "unsupported"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WebP"])
def test_stored_orientation_is_applied(orientation: int, file_format: str) -> None:
    upright = np.zeros((40, 64), np.uint8)
    upright[:20, :32] = 255
    # EXIF 2.3, 4.6.4: what has to be done to the stored image to see it upright; here undone.
    undo = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[274] = orientation
    options = {"lossless": True} if file_format == "WebP" else {}
    data = save(Image.fromarray(np.ascontiguousarray(undo)), file_format, exif=exif, **options)
    found = read_gray8(data).pixels
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).max() <= 8


@pytest.mark.parametrize("file_format", ["GIF", "TIFF", "PNG", "WebP"])
def test_several_frames_are_refused(file_format: str) -> None:
    frames = [Image.fromarray(FILM), Image.fromarray(255 - FILM)]
    stream = io.BytesIO()
    frames[0].save(stream, file_format, save_all=True, append_images=frames[1:])
    with pytest.raises(ImageReadError, match="several frames") as caught:
        read(stream.getvalue())
    assert caught.value.reason == "multi-frame"


def test_a_raster_image_is_its_only_frame() -> None:
    (only,) = read_frames(films.encode(FILM, "PNG"), origin="a.png")
    assert only.origin == "a.png"


def bomb(side: int) -> bytes:
    """Return a small PNG that announces side x side pixels."""
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_png_bomb_is_refused_from_its_header() -> None:
    with pytest.raises(ImageTooLargeError, match="30000 x 30000") as caught:
        read(bomb(30_000))
    assert caught.value.reason == "too-large"


def test_the_limit_is_the_callers() -> None:
    with pytest.raises(ImageTooLargeError):
        read(films.encode(FILM, "PNG"), max_pixels=FILM.size - 1)
    assert read(films.encode(FILM, "PNG"), max_pixels=FILM.size).pixels.shape == FILM.shape


@pytest.mark.parametrize(
    ("content", "reason", "words"),
    [
        (b"", "empty", "empty file"),
        (b"patient,finding\n1,COVID-19\n", "text", "text file"),
        ("Übergröße".encode(), "text", "text file"),
        (b"PK\x03\x04" + bytes(60), "archive", "zip archive"),
        (b"\x1f\x8b\x08\x00" + bytes(60), "archive", "gzip archive"),
        (b"%PDF-1.7\n", "document", "PDF"),
        (bytes(range(256)), "unknown-format", "no known format"),
        (b"\0\0\0\x18ftypheic" + bytes(60), "no-decoder", "HEIC image, which nothing here decodes"),
        (b"\0\0\0\x18ftypmif1" + bytes(60), "no-decoder", "HEIC"),
        (b"\xff\x0a" + bytes(60), "no-decoder", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(60), "no-decoder", "JPEG XL"),
        (b"P5\n4 4\n255\n" + bytes(16), "no-decoder", "Netpbm"),
        (b"NRRD0004\n", "no-decoder", "NRRD"),
        (b"\xfd7zXZ\0" + bytes(60), "archive", "xz archive"),
        (bytes(4096), "unknown-format", "no known format"),
    ],
)
def test_what_is_no_image_is_named(content: bytes, reason: str, words: str) -> None:
    with pytest.raises(ImageReadError, match=words) as caught:
        read(content, origin="upload.png")
    assert caught.value.reason == reason
    assert reason in REASONS
    assert "upload.png" in str(caught.value)


def test_paths_that_are_no_files_are_named(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "gone.png", "missing"), (tmp_path, "not-a-file"), (Path("a\0b"), "missing")):
        with pytest.raises(ImageReadError) as caught:
            read(path)
        assert caught.value.reason == reason


def test_a_jpeg_cut_short_is_truncated_and_not_half_gray() -> None:
    data = films.encode(films.film(400, 400), "JPEG")
    with pytest.raises(ImageReadError, match="ends early") as caught:
        read(data[: len(data) // 2])
    assert caught.value.reason == "truncated"


def test_the_door_of_the_room_takes_paths_strings_bytes_and_files(tmp_path: Path) -> None:
    path = tmp_path / "film.png"
    path.write_bytes(films.encode(films.film(), "PNG"))
    with path.open("rb") as stream:
        sources = (path, str(path), path.read_bytes(), bytearray(path.read_bytes()), stream)
        found = [covidcxr.imaging.read(source) for source in sources]
    assert len({one.pixels.tobytes() for one in found}) == 1
    assert [one.origin for one in found] == [str(path), str(path), "<bytes>", "<bytes>", "<bytes>"]
    with pytest.raises(AttributeError, match="no attribute 'write'"):
        covidcxr.imaging.write  # noqa: B018


@pytest.mark.parametrize(("file_format", "options", "near"), [("AVIF", {"quality": 100}, 4), ("JPEG2000", {}, 0)])
def test_avif_and_bare_jpeg_2000_are_read(file_format: str, options: dict[str, object], near: int) -> None:
    found = read_gray8(films.encode(FILM, file_format, **options)).pixels.astype(int)
    assert np.abs(found - FILM).max() <= near


def test_sixteen_bits_of_a_bare_jpeg_2000_are_kept() -> None:
    values = films.scaled(FILM, 16).astype(np.uint16)
    values[0, :2] = (1, 65535)
    radiograph = read(films.encode(values, "JPEG2000"))
    np.testing.assert_allclose(radiograph.pixels, values / 65535, atol=1e-6)
    assert radiograph.bits_stored == 16


@pytest.mark.parametrize(
    ("marker", "bits", "words"),
    [(0xC3, 16, "lossless, of 16 bits"), (0xC1, 12, "extended, of 12 bits"), (0xC9, 8, "arithmetic, of 8 bits")],
)
def test_rare_kinds_of_jpeg_are_named_and_not_called_damaged(marker: int, bits: int, words: str) -> None:
    data = bytearray(films.encode(FILM, "JPEG"))
    start = data.index(b"\xff\xc0")
    data[start + 1], data[start + 4] = marker, bits
    with pytest.raises(ImageReadError, match=f"no decoder for a JPEG, {words}") as caught:
        read(bytes(data))
    assert caught.value.reason == "no-decoder"


def test_a_compression_of_tiff_that_nobody_decodes_is_named() -> None:
    data = bytearray(films.encode(FILM, "TIFF"))
    entry = data.index(b"\x03\x01\x03\x00\x01\x00\x00\x00")  # tag 259, SHORT, one value
    data[entry + 8 : entry + 10] = (50002).to_bytes(2, "little")  # JPEG XL
    with pytest.raises(ImageReadError, match="no decoder for this kind of TIFF") as caught:
        read(bytes(data))
    assert caught.value.reason == "no-decoder"
