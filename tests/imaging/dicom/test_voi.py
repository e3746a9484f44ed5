"""Windows, tables and rescale factors where headers keep or omit them oddly."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from pydicom.dataset import Dataset

import films
from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.reading import read, read_frames
from variants import FILM

UNIT = FILM / 255.0
STORED = films.scaled(FILM, 12)


def item(**attributes: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def group(centre: float, width: float, slope: float = 1.0) -> Dataset:
    return item(
        FrameVOILUTSequence=[item(WindowCenter=str(centre), WindowWidth=str(width))],
        PixelValueTransformationSequence=[item(RescaleSlope=str(slope), RescaleIntercept="0", RescaleType="US")],
        PixelMeasuresSequence=[item(PixelSpacing=[0.2, 0.3])],
    )


def test_a_linear_window_narrower_than_one_is_exact_and_told() -> None:
    attributes = {"RescaleSlope": str(1 / 4096), "RescaleIntercept": "0", "WindowCenter": "0.5", "WindowWidth": "0.5"}
    radiograph = read(films.dicom(STORED, bits=12, attributes=attributes))
    np.testing.assert_allclose(radiograph.pixels, np.clip((STORED / 4096 - 0.5) / 0.5 + 0.5, 0, 1), atol=1e-6)
    assert any("narrower than 1" in one for one in radiograph.warnings)


def test_the_window_and_rescale_shared_by_all_frames_are_followed() -> None:
    data = films.dicom(STORED, bits=12, attributes={"SharedFunctionalGroupsSequence": [group(1024, 2048, 0.5)]})
    radiograph = read(data)
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=1e-3)
    assert radiograph.spacing_mm == (0.2, 0.3)


def test_each_frame_has_the_window_of_its_own_group() -> None:
    frames = np.stack([STORED, STORED])
    groups = [group(2048, 4096), group(1024, 2048)]
    attributes = {"NumberOfFrames": 2, "PerFrameFunctionalGroupsSequence": groups}
    first, second = read_frames(films.dicom(frames, bits=12, attributes=attributes))
    np.testing.assert_allclose(first.pixels, UNIT, atol=1e-3)
    np.testing.assert_allclose(second.pixels, np.clip(2 * UNIT, 0, 1), atol=1e-3)


def test_a_window_of_the_image_wins_over_that_of_a_group() -> None:
    attributes = {
        "WindowCenter": "2048",
        "WindowWidth": "4096",
        "SharedFunctionalGroupsSequence": [group(100, 10)],
    }
    np.testing.assert_allclose(read(films.dicom(STORED, bits=12, attributes=attributes)).pixels, UNIT, atol=1e-3)


@pytest.mark.parametrize("keyword", ["VOILUTSequence", "ModalityLUTSequence"])
@pytest.mark.parametrize("parts", [{}, {"LUTDescriptor": []}, {"LUTData": b""}])
def test_a_table_without_entries_is_left_out_and_told(keyword: str, parts: dict[str, object]) -> None:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", parts.get("LUTDescriptor", [4096, 0, 16] if "LUTData" in parts else None))
    table.add_new("LUTData", "OW", parts.get("LUTData", bytes(8192)))
    radiograph = read(films.dicom(STORED, bits=12, attributes={keyword: [table]}))
    np.testing.assert_allclose(radiograph.pixels, UNIT, atol=1e-3)
    assert any(f"{keyword} ignored" in one for one in radiograph.warnings)


def test_an_element_of_unknown_kind_and_length_in_big_endian_is_passed_over() -> None:
    data = films.dicom(STORED, bits=12, syntax=films.NATIVE["big-endian"])
    at = data.index(b"\x00\x28\x00\x02US")
    words = [(0xFFFE, 0xE000, 0xFFFFFFFF), (0x0008, 0x0100, 4), None, (0xFFFE, 0xE00D, 0), (0xFFFE, 0xE0DD, 0)]
    content = b"".join(b"ABCD" if word is None else struct.pack("<HHI", *word) for word in words)
    unknown = struct.pack(">HH", 0x0019, 0x1010) + b"UN\0\0\xff\xff\xff\xff" + content  # PS3.5 6.2.2, CP-246
    np.testing.assert_allclose(read(data[:at] + unknown + data[at:]).pixels, UNIT, atol=1e-3)


@pytest.mark.parametrize(
    "attributes",
    [
        {"RescaleSlope": "1e308", "RescaleIntercept": "0"},
        {"RescaleSlope": "1e306", "RescaleIntercept": "0", "WindowCenter": "1", "WindowWidth": "1e-308"},
    ],
)
def test_values_that_are_not_finite_are_refused(attributes: dict[str, str]) -> None:
    with pytest.raises(ImageReadError, match="RescaleSlope, RescaleIntercept or the window") as caught:
        read(films.dicom(STORED, bits=12, attributes=attributes))
    assert caught.value.reason == "not-finite"
