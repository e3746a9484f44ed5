from __future__ import annotations

import itertools
import shutil
import subprocess
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import RLELossless

import films
from covidcxr.core.errors import ImageReadError, ImageTooLargeError
from covidcxr.core.types import PreprocessSpec, View
from covidcxr.imaging.dicom import image as dicom
from covidcxr.imaging.preprocess import preprocess
from covidcxr.imaging.reading import read, read_frames, read_gray8
from variants import FILM, colour_variants, gray_variants, lut, window

UNIT = FILM / 255.0


def test_one_film_in_over_a_hundred_encodings_gives_the_same_pixels_and_input() -> None:
    spec = PreprocessSpec(size=24, intensity="standardize")
    variants = gray_variants() + colour_variants()
    expected_input = None
    for name, data in variants:
        radiograph = read(data)
        assert np.abs(radiograph.pixels - UNIT).max() < 1e-3, name
        network_input = preprocess(radiograph, spec)
        expected_input = network_input if expected_input is None else expected_input
        assert np.abs(network_input - expected_input).max() < 2e-3, name
    assert len({name for name, _ in variants}) == len(variants) >= 120


def test_gray8_is_the_rounded_radiograph() -> None:
    data = films.dicom(films.scaled(FILM, 12), bits=12, attributes=window(12))
    decoded = read_gray8(data)
    assert (decoded.pixels == FILM).all()
    assert decoded.bits_stored == 12


def test_rescale_comes_before_the_window() -> None:
    attributes = {"RescaleSlope": "2", "RescaleIntercept": "-1024", "WindowCenter": "-4.0", "WindowWidth": "2040"}
    pixels = read(films.dicom(films.scaled(FILM, 10), bits=10, attributes=attributes)).pixels
    modality = films.scaled(FILM, 10) * 2.0 - 1024
    expected = np.clip((modality - (-4.0 - 0.5)) / 2039 + 0.5, 0, 1)
    np.testing.assert_allclose(pixels, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("LINEAR", lambda x: np.clip((x - 99.5) / 99 + 0.5, 0, 1)),
        ("LINEAR_EXACT", lambda x: np.clip((x - 100) / 100 + 0.5, 0, 1)),
        ("SIGMOID", lambda x: 1 / (1 + np.exp(-4 * (x - 100) / 100))),
    ],
)
def test_each_window_function_follows_its_formula(function: str, expected: object) -> None:
    attributes = {"WindowCenter": "100", "WindowWidth": "100", "VOILUTFunction": function}
    pixels = read(films.dicom(FILM.astype(np.int64), attributes=attributes)).pixels
    np.testing.assert_allclose(pixels, expected(FILM.astype(float)), atol=1e-6)  # type: ignore[operator]


def test_a_window_of_width_one_is_a_threshold() -> None:
    pixels = read(films.dicom(FILM.astype(np.int64), attributes={"WindowCenter": "100", "WindowWidth": "1"})).pixels
    assert (pixels == (FILM > 99.5)).all()


def test_the_first_of_several_windows_is_taken() -> None:
    attributes = {"WindowCenter": ["128", "1"], "WindowWidth": ["256", "2"]}
    np.testing.assert_allclose(read(films.dicom(FILM.astype(np.int64), attributes=attributes)).pixels, UNIT, atol=1e-6)


def test_an_impossible_window_is_left_out_and_told() -> None:
    radiograph = read(films.dicom(FILM.astype(np.int64), attributes={"WindowCenter": "128", "WindowWidth": "0"}))
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=1e-6)
    assert any("window ignored" in warning for warning in radiograph.warnings)


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "deflated"])
def test_a_voi_lut_wins_over_a_window_and_holds_its_ends(syntax: str) -> None:
    table = lut(np.linspace(1000, 4095, 100), first=50, bits=12)
    attributes = {"VOILUTSequence": [table], "WindowCenter": "1", "WindowWidth": "1"}
    pixels = read(films.dicom(FILM.astype(np.int64), syntax=films.NATIVE[syntax], attributes=attributes)).pixels
    entries = np.linspace(1000, 4095, 100).astype(np.uint16)
    np.testing.assert_allclose(pixels, entries[np.clip(FILM.astype(int) - 50, 0, 99)] / 4095, atol=1e-6)


def test_a_voi_lut_of_signed_values_starts_below_zero() -> None:
    stored = films.scaled(FILM, 12, signed=True)
    table = lut(np.arange(4096) * 16, first=-2048, bits=16)
    pixels = read(films.dicom(stored, bits=12, signed=True, attributes={"VOILUTSequence": [table]})).pixels
    np.testing.assert_allclose(pixels, (stored + 2048) * 16 / 65535, atol=1e-6)


def test_a_modality_lut_replaces_the_rescale() -> None:
    table = lut(np.arange(256)[::-1] * 257)
    table.ModalityLUTType = "US"
    attributes = {"ModalityLUTSequence": [table], "RescaleSlope": "9", "RescaleIntercept": "9"}
    pixels = read(films.dicom(FILM.astype(np.int64), attributes=attributes)).pixels
    np.testing.assert_allclose(pixels, 1.0 - UNIT, atol=1e-6)


def test_monochrome1_with_inverse_shape_is_inverted_once() -> None:
    stored = (255 - FILM).astype(np.int64)
    data = films.dicom(stored, photometric="MONOCHROME1", attributes={"PresentationLUTShape": "INVERSE"})
    radiograph = read(data)
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=1e-6)
    assert radiograph.warnings == ()


def test_a_shape_that_contradicts_the_photometry_is_told() -> None:
    radiograph = read(films.dicom(FILM.astype(np.int64), attributes={"PresentationLUTShape": "INVERSE"}))
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=1e-6)
    assert any("contradicts" in warning for warning in radiograph.warnings)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_becomes_black_whatever_the_photometry(photometric: str) -> None:
    stored = films.scaled(FILM, 12)
    stored[:5] = 4095 if photometric == "MONOCHROME2" else 0
    padding = {"PixelPaddingValue": int(stored[0, 0])}
    pixels = read(films.dicom(stored, bits=12, photometric=photometric, attributes=window(12) | padding)).pixels
    assert (pixels[:5] == 0.0).all()
    assert pixels[5:].max() > 0.9


def test_a_padding_range_covers_everything_between_its_ends() -> None:
    attributes = {"PixelPaddingValue": 200, "PixelPaddingRangeLimit": 255}
    pixels = read(films.dicom(FILM.astype(np.int64), attributes=attributes)).pixels
    np.testing.assert_allclose(pixels, np.where(FILM >= 200, 0.0, UNIT), atol=1e-6)


def test_overlay_bits_above_the_stored_ones_are_dropped() -> None:
    stored = films.scaled(FILM, 12) | (0xF << 12)
    np.testing.assert_allclose(read(films.dicom(stored, bits=12, attributes=window(12))).pixels, UNIT, atol=1e-3)


def test_values_in_the_high_bits_are_shifted_down() -> None:
    stored = films.scaled(FILM, 12) << 4
    pixels = read(films.dicom(stored, bits=12, attributes=window(12) | {"HighBit": 15})).pixels
    np.testing.assert_allclose(pixels, UNIT, atol=1e-3)


def test_twelve_bit_values_that_claim_sixteen_are_not_black() -> None:
    radiograph = read(films.dicom(films.scaled(FILM, 12), bits=16))
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=1e-3)
    assert any("16 bits are stated and 12 used" in warning for warning in radiograph.warnings)


def test_without_a_window_the_stored_range_is_black_to_white() -> None:
    stored = films.scaled(FILM, 12)
    radiograph = read(films.dicom(stored, bits=12))
    np.testing.assert_allclose(radiograph.pixels, stored / 4095, atol=1e-6)
    assert radiograph.warnings == ()


def test_several_frames_are_refused_unless_read_one_by_one() -> None:
    frames = np.stack([FILM, 255 - FILM]).astype(np.int64)
    data = films.dicom(frames, attributes={"NumberOfFrames": 2})
    with pytest.raises(ImageReadError, match="2 frames") as caught:
        read(data)
    assert caught.value.reason == "multi-frame"
    first, second = read_frames(data, origin="two.dcm")
    np.testing.assert_allclose(first.pixels, UNIT, atol=1e-6)
    np.testing.assert_allclose(second.pixels, 1.0 - UNIT, atol=1e-6)
    assert second.origin == "two.dcm#2"


def test_facts_of_the_header_come_along_and_the_patient_does_not() -> None:
    attributes = {"ImagerPixelSpacing": [0.143, 0.144], "PixelSpacing": [9, 9], "ViewPosition": "AP"}
    radiograph = read(films.dicom(FILM.astype(np.int64), attributes=attributes))
    assert radiograph.spacing_mm == (0.143, 0.144)
    assert radiograph.view is View.AP
    assert radiograph.sop_instance_uid == "1.2.3.4.5"
    assert "SECRET" not in repr(radiograph)


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"Modality": "CT"}, "modality CT"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "raw detector"),
        ({"BurnedInAnnotation": "YES"}, "burned"),
        ({"PatientOrientation": ["R", "F"]}, "mirrored"),
        ({"PixelAspectRatio": [2, 1]}, "not square"),
    ],
)
def test_what_a_careful_reader_should_know_is_told(attributes: dict[str, object], words: str) -> None:
    assert any(words in warning for warning in read(films.dicom(FILM.astype(np.int64), attributes=attributes)).warnings)


def test_a_secondary_capture_of_another_modality_is_no_news() -> None:
    attributes = {"Modality": "OT", "SOPClassUID": films.SECONDARY_CAPTURE}
    assert read(films.dicom(FILM.astype(np.int64), attributes=attributes)).warnings == ()


def test_baseline_jpeg_frames_equal_the_jpeg_file() -> None:
    pixels = read(films.jpeg_dicom(FILM)).pixels
    np.testing.assert_allclose(pixels, read(films.encode(FILM, "JPEG", quality=95)).pixels, atol=1e-6)


def test_a_data_set_without_preamble_is_read() -> None:
    data = films.dicom(FILM.astype(np.int64), syntax=films.NATIVE["implicit"])
    start = data.index(b"\x08\x00\x16\x00")
    np.testing.assert_allclose(read(data[start:]).pixels, UNIT, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Rows": 0}, "zero-size"),
        ({"PhotometricInterpretation": "HSV"}, "unsupported"),
        ({"SamplesPerPixel": 2}, "undecodable"),
        ({"BitsStored": 17}, "undecodable"),
        ({"Rows": 96}, "truncated"),
        ({"RescaleSlope": "0"}, "undecodable"),
    ],
)
def test_headers_that_describe_no_image_are_refused_by_name(change: dict[str, object], reason: str) -> None:
    with pytest.raises(ImageReadError) as caught:
        read(films.dicom(FILM.astype(np.int64), attributes=change))
    assert caught.value.reason == reason


def test_a_huge_announcement_is_refused_before_decoding() -> None:
    with pytest.raises(ImageTooLargeError, match="60000 x 60000"):
        read(
            films.dicom(FILM.astype(np.int64), syntax=RLELossless, attributes={"Rows": 48, "Columns": 40})
            .replace(b"\x28\x00\x10\x00US\x02\x00\x30\x00", b"\x28\x00\x10\x00US\x02\x00\x60\xea")
            .replace(b"\x28\x00\x11\x00US\x02\x00\x28\x00", b"\x28\x00\x11\x00US\x02\x00\x60\xea")
        )


def test_a_large_stream_inside_a_small_header_is_refused_before_decoding() -> None:
    data = films.dicom(films.scaled(films.film(96, 80), 8), syntax=films.SYNTAXES["jpeg2000"])
    small = data.replace(b"\x28\x00\x10\x00US\x02\x00\x60\x00", b"\x28\x00\x10\x00US\x02\x00\x10\x00")
    with pytest.raises(ImageReadError, match="80 x 96 x 1") as caught:
        read(small)
    assert caught.value.reason == "undecodable"


def test_threads_decode_at_once_and_give_what_one_thread_gives() -> None:
    deep = films.scaled(films.film(256, 240), 12)
    odd = {"WindowCenter": "1800", "WindowWidth": "2500", "ViewPosition": "x" * 30}  # pydicom warns of it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        syntaxes = films.SYNTAXES.values()
        data = [films.dicom(deep + more, bits=12, syntax=one, attributes=odd) for more in (0, 1) for one in syntaxes]
    expected = [read(one).pixels.tobytes() for one in data]
    filters = list(warnings.filters)
    together = threading.Barrier(4)

    def decode(turn: int) -> list[bytes]:
        together.wait()
        return [read(data[(turn + number) % len(data)]).pixels.tobytes() for number in range(len(data))]

    with ThreadPoolExecutor(4) as pool:
        for turn, found in enumerate(pool.map(decode, range(4))):
            assert found == expected[turn:] + expected[:turn]
    assert warnings.filters == filters


def test_a_thread_that_reads_does_not_wait_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = threading.Barrier(2, timeout=20)
    decode = dicom._decode
    monkeypatch.setattr(dicom, "_decode", lambda *given: inside.wait() is not None and decode(*given))
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda _: read(films.dicom(FILM.astype(np.int64))), range(2)):
            np.testing.assert_allclose(found.pixels, UNIT, atol=1e-6)


def test_real_cr_film_and_its_jpeg2000_copy_are_one_image() -> None:
    data_manager = pytest.importorskip("pydicom.data.data_manager")
    pytest.importorskip("data_store", reason="pydicom-data is not installed")
    plain, packed = (
        Path(data_manager.get_testdata_file(f"RG3_{kind}.dcm", download=False)) for kind in ("UNCR", "J2KR")
    )
    first, second = read(plain), read(packed)
    assert (first.pixels == second.pixels).all()
    assert first.pixels.shape == (1760, 1760)
    assert first.view is View.AP


def render_with_dcmtk(data: bytes, folder: Path, *options: str) -> np.ndarray:
    source, target = folder / "film.dcm", folder / "film.pgm"
    source.write_bytes(data)
    program = "dcmj2pnm" if b"1.2.840.10008.1.2.4" in data[:1000] else "dcm2pnm"
    subprocess.run([program, "-O", *options, "+opw", str(source), str(target)], check=True, capture_output=True)
    with Image.open(target) as image:
        return np.asarray(image)


TRANSFORMATIONS: dict[str, tuple[dict[str, object], tuple[str, ...]]] = {
    "none": ({}, ("-W",)),
    "window": ({"WindowCenter": "1800", "WindowWidth": "2500"}, ("+Wi", "1")),
    "sigmoid": ({"WindowCenter": "1800", "WindowWidth": "900", "VOILUTFunction": "SIGMOID"}, ("+Wi", "1", "+Wfs")),
    "rescale": (
        {"RescaleSlope": "0.5", "RescaleIntercept": "-100", "WindowCenter": "900", "WindowWidth": "1500"},
        ("+Wi", "1"),
    ),
    "table": ({"VOILUTSequence": [lut(np.sqrt(np.arange(4096) / 4095) * 65535)]}, ("+Wl", "1")),
}
DCMTK_CASES = [
    *itertools.product(TRANSFORMATIONS, ("explicit",), ("MONOCHROME1", "MONOCHROME2")),
    *itertools.product(("window",), ("implicit", "big-endian", "deflated", "rle", "jpeg-lossless"), ("MONOCHROME1",)),
]


@pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="dcmtk is not installed (apt-get install dcmtk)")
@pytest.mark.parametrize(("transformation", "syntax", "photometric"), DCMTK_CASES)
def test_our_rendering_is_dcmtks(transformation: str, syntax: str, photometric: str, tmp_path: Path) -> None:
    attributes, options = TRANSFORMATIONS[transformation]
    data = films.dicom(
        films.scaled(FILM, 12), bits=12, photometric=photometric, syntax=films.SYNTAXES[syntax], attributes=attributes
    )
    theirs = render_with_dcmtk(data, tmp_path, *options)
    assert np.abs(read(data).pixels - theirs / 65535).max() < 2e-3


def test_modality_and_body_part_are_those_of_the_header() -> None:
    data = films.dicom(films.scaled(FILM, 12), bits=12, attributes={"Modality": "CT", "BodyPartExamined": "ABDOMEN"})
    assert (read(data).modality, read(data).body_part) == ("CT", "ABDOMEN")
