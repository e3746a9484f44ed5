"""Headers that contradict their pixels: BitsStored, HighBit, PixelRepresentation."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import gdcm
import numpy as np
import pydicom
import pytest
from pydicom.uid import UID, ExplicitVRLittleEndian

import films
from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.reading import read
from variants import window

FILM = films.film(200, 180)
UNIT = FILM / 255.0
STORED = films.scaled(FILM, 12)
SYNTAXES = ["explicit", "big-endian", "rle", "jpeg2000", "jpeg-lossless", "jpeg-ls"]


def changed(data: bytes, **attributes: object) -> bytes:
    """Return a DICOM file with attributes of its header replaced and its pixel data untouched."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


def syntax(name: str) -> UID:
    return films.SYNTAXES[name]


@pytest.mark.parametrize("name", SYNTAXES)
@pytest.mark.parametrize("stated", [9, 10, 11])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_bits_stored_below_the_values_is_told_and_nothing_turns_black(name: str, stated: int, photometric: str) -> None:
    levels = films.scaled(255 - FILM if photometric == "MONOCHROME1" else FILM, 12)
    whole = films.dicom(levels, bits=12, photometric=photometric, syntax=syntax(name), attributes=window(12))
    radiograph = read(changed(whole, BitsStored=stated, HighBit=stated - 1))
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=1e-3)
    assert any(f"BitsStored (0028,0101) is {stated}" in one and "12 bits" in one for one in radiograph.warnings)


@pytest.mark.parametrize("name", SYNTAXES)
def test_signed_values_beyond_bits_stored_are_told(name: str) -> None:
    signed = films.scaled(FILM, 12, signed=True)
    whole = films.dicom(signed, bits=12, signed=True, syntax=syntax(name), attributes=window(12, signed=True))
    try:
        radiograph = read(changed(whole, BitsStored=11, HighBit=10))
    except ImageReadError as error:
        assert error.reason == "contradiction"  # noqa: PT017 - a stream of raw bits does not tell its sign
    else:
        np.testing.assert_allclose(radiograph.pixels, UNIT, atol=1e-3)
        assert any("BitsStored (0028,0101) is 11" in one for one in radiograph.warnings)


def test_a_stream_of_fewer_bits_than_stated_is_followed_and_told() -> None:
    whole = films.dicom(STORED, bits=12, syntax=syntax("jpeg2000"))
    radiograph = read(changed(whole, BitsStored=16, HighBit=15))
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=1e-3)
    assert any("16 is more than the 12 of the compressed stream" in one for one in radiograph.warnings)


def encoded_by_dcmtk(program: str, option: str, folder: Path, data: bytes) -> bytes:
    """Return a DICOM file that dcmtk compressed; its streams, unlike GDCM's, state the bits that BitsStored does."""
    source, target = folder / "in.dcm", folder / "out.dcm"
    source.write_bytes(data)
    subprocess.run([program, option, str(source), str(target)], check=True, capture_output=True)
    return target.read_bytes()


DCMTK = {"lossless": ("dcmcjpeg", "+e1"), "ls": ("dcmcjpls", "+el"), "extended": ("dcmcjpeg", "+ee")}


@pytest.mark.skipif(shutil.which("dcmcjpeg") is None, reason="dcmtk is not installed (apt-get install dcmtk)")
@pytest.mark.parametrize("kind", DCMTK)
@pytest.mark.parametrize("stated", [10, 11, 12, 16])
def test_streams_of_twelve_bits_are_read_whatever_the_header_says(kind: str, stated: int, tmp_path: Path) -> None:
    program, option = DCMTK[kind]
    whole = encoded_by_dcmtk(program, option, tmp_path, films.dicom(STORED, bits=12, attributes=window(12)))
    radiograph = read(changed(whole, BitsStored=stated, HighBit=stated - 1))
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=5e-3)
    said = [one for one in radiograph.warnings if one.startswith("header: BitsStored (0028,0101)")]
    assert len(said) == (stated < 12 or (stated, kind) == (16, "extended")), radiograph.warnings


@pytest.mark.parametrize("name", SYNTAXES)
def test_unsigned_values_that_a_header_calls_signed_are_told(name: str) -> None:
    whole = films.dicom(STORED, bits=12, syntax=syntax(name), attributes=window(12))
    radiograph = read(changed(whole, PixelRepresentation=1))
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=1e-3)
    assert any("PixelRepresentation (0028,0103) says signed" in one for one in radiograph.warnings)


@pytest.mark.parametrize("name", SYNTAXES)
def test_signed_values_that_a_header_calls_unsigned_are_told(name: str) -> None:
    signed = films.scaled(FILM, 12, signed=True)
    whole = films.dicom(signed, bits=12, signed=True, syntax=syntax(name), attributes=window(12, signed=True))
    radiograph = read(changed(whole, PixelRepresentation=0))
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=1e-3)
    assert any("PixelRepresentation (0028,0103) says unsigned" in one for one in radiograph.warnings)


def test_sixteen_bit_values_below_zero_that_a_header_calls_unsigned_are_told() -> None:
    radiograph = read(films.dicom((STORED - 1024) & 0xFFFF, bits=16))
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=1e-3)
    assert any("says unsigned" in one for one in radiograph.warnings)


@pytest.mark.parametrize("name", SYNTAXES)
@pytest.mark.parametrize("is_signed", [False, True])
def test_headers_that_are_right_raise_no_doubt(name: str, is_signed: bool) -> None:
    for bits in (8, 10, 12, 16):
        data = films.dicom(
            films.scaled(FILM, bits, signed=is_signed),
            bits=bits,
            signed=is_signed,
            syntax=syntax(name),
            attributes=window(bits, signed=is_signed),
        )
        radiograph = read(data)
        assert not [one for one in radiograph.warnings if one.startswith("header")], (bits, radiograph.warnings)
        np.testing.assert_allclose(radiograph.pixels, UNIT, atol=2e-3)


def test_a_black_and_white_drawing_keeps_its_sign() -> None:
    drawing = np.zeros((100, 100), np.int64)
    drawing[20:80, 10:90:4] = 4095
    radiograph = read(films.dicom(drawing, bits=12, attributes=window(12)))
    assert (radiograph.pixels == (drawing == 4095)).all()
    marked = STORED.copy()
    marked[10:40, 10:60:3] = 4095
    marked[10:40, 11:60:3] = 0
    radiograph = read(films.dicom(marked, bits=12, attributes=window(12)))
    np.testing.assert_allclose(radiograph.pixels, marked / 4095, atol=1e-3)


def test_declared_overlay_bits_are_no_part_of_the_values() -> None:
    overlay = np.zeros(STORED.shape, np.int64)
    overlay[50:120, 40:100] = 1 << 13
    data = films.dicom(STORED | overlay, bits=12, attributes=window(12))
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.add_new(0x60000100, "US", 16)
    dataset.add_new(0x60000102, "US", 13)
    stream = io.BytesIO()
    dataset.save_as(stream)
    radiograph = read(stream.getvalue())
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=1e-3)
    assert not any(one.startswith("header") for one in radiograph.warnings)


def test_undeclared_overlay_bits_are_dropped_and_told() -> None:
    overlay = np.zeros(STORED.shape, np.int64)
    overlay[50:120, 40:100] = 1 << 15
    radiograph = read(films.dicom(STORED | overlay, bits=12, attributes=window(12)))
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=1e-3)
    assert any("bits above HighBit (0028,0102) 11" in one for one in radiograph.warnings)


def test_bits_that_do_not_tell_are_refused() -> None:
    stripes = np.repeat(np.random.default_rng(0).integers(0, 1 << 14, (80, 1)), 80, axis=1)
    with pytest.raises(ImageReadError, match=r"BitsStored \(0028,0101\) is 12, but the values use 14 bits") as caught:
        read(films.dicom(stripes, bits=12))
    assert caught.value.reason == "contradiction"


def test_low_bits_beside_a_high_value_are_read_and_told() -> None:
    radiograph = read(films.dicom(films.scaled(FILM, 16), bits=12, attributes={"HighBit": 15}))
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=1e-3)
    assert any("HighBit (0028,0102) 15 leaves out low bits" in one for one in radiograph.warnings)


def test_more_pixel_data_than_rows_is_refused() -> None:
    data = changed(films.dicom(STORED, bits=12, attributes=window(12)), Rows=100)
    with pytest.raises(ImageReadError, match="Rows, Columns and BitsAllocated") as caught:
        read(data)
    assert caught.value.reason == "contradiction"
    assert pydicom.dcmread(io.BytesIO(data)).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


def test_padding_follows_the_reading_that_was_chosen() -> None:
    padded = STORED.copy()
    padded[:20] = 4095
    data = films.dicom(padded, bits=12, attributes=window(12) | {"PixelPaddingValue": 4095})
    radiograph = read(changed(data, BitsStored=11, HighBit=10))
    assert radiograph.pixels[:20].max() == 0.0
    np.testing.assert_allclose(radiograph.pixels[20:][FILM[20:] < 255], UNIT[20:][FILM[20:] < 255], atol=1e-3)


def test_jpeg_extended_as_gdcm_writes_it_is_read() -> None:
    plain = films.dicom(STORED, bits=12, attributes=window(12))
    data = films._gdcm_compress(plain, gdcm.TransferSyntax.JPEGExtendedProcess2_4)  # states 16 bits, holds 12
    for stated in (10, 12):
        radiograph = read(changed(data, BitsStored=stated, HighBit=stated - 1))
        np.testing.assert_allclose(radiograph.pixels, UNIT, atol=5e-3)
        assert any(one.startswith("header: BitsStored") for one in radiograph.warnings) == (stated == 10)


def test_eight_bits_that_a_header_calls_signed_are_told() -> None:
    radiograph = read(changed(films.dicom(FILM.astype(np.int64), attributes=window(8)), PixelRepresentation=1))
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=5e-3)
    assert any("says signed" in one for one in radiograph.warnings)
