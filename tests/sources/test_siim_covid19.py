from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_rsna_pneumonia import write_dicom

from covidcxr.core.errors import SourceError
from covidcxr.core.labels import label_kind
from covidcxr.core.types import Box, Sex, View
from covidcxr.sources.phantoms import SIIM_IMAGE_HEADER, SIIM_STUDY_HEADER
from covidcxr.sources.siim_boxes import estimated_sizes
from covidcxr.sources.siim_covid19 import SiimCovid19
from source_trees import touch, write_table

TYPICAL, NEGATIVE = "Typical Appearance", "Negative for Pneumonia"
BOX = "{'x': 50, 'y': 40.0, 'width': 100.5, 'height': 20}"


def study(name: str, *marked: str) -> dict[str, str]:
    columns = SIIM_STUDY_HEADER.split(",")[1:]
    return {"id": f"{name}_study", **{column: str(int(column in marked)) for column in columns}}


def image(name: str, study_name: str, boxes: str = "") -> dict[str, str]:
    return {"id": f"{name}_image", "boxes": boxes, "StudyInstanceUID": study_name}


def siim(folder: Path, studies: list[dict[str, str]], images: list[dict[str, str]], files: tuple[str, ...]) -> Path:
    write_table(folder / "train_study_level.csv", SIIM_STUDY_HEADER, studies)
    write_table(folder / "train_image_level.csv", SIIM_IMAGE_HEADER, images)
    (folder / "train").mkdir()
    touch(folder, *files)
    return folder


def sizes(folder: Path, *rows: tuple[str, str, str]) -> None:
    table = [dict(zip(("image_id", "dim0", "dim1"), row, strict=True)) for row in rows]
    write_table(folder / "meta.csv", "image_id,dim0,dim1", table)


def test_an_image_has_the_appearance_of_its_study_and_its_boxes_as_shares(tmp_path: Path) -> None:
    folder = siim(tmp_path / "s", [study("st", TYPICAL)], [image("im", "st", f"[{BOX}]")], ("train/im.jpg",))
    sizes(folder, ("im", "200", "400"))
    (record,) = SiimCovid19().read(folder).records
    assert (record.record_id, record.study_id, record.patient_id) == ("siim-covid19:im", "siim-covid19:st", None)
    assert (record.label, record.label_kind) == (TYPICAL, "appearance")
    assert record.boxes == (Box(label="opacity", left=0.125, top=0.2, width=0.25125, height=0.1),)
    assert record.age_verbatim == "18-120 years"


def test_the_competitions_own_layout_is_read_with_the_headers_facts(tmp_path: Path) -> None:
    files = "train/st/se/im.dcm"
    folder = siim(tmp_path / "s", [study("st", NEGATIVE)], [image("im", "st", "")], ())
    write_dicom(folder / files, view="AP", sex="M", age="63")
    (record,) = SiimCovid19().read(folder).records
    assert (record.label, record.view, record.sex, record.age_years) == (NEGATIVE, View.AP, Sex.MALE, 63.0)
    assert record.path == folder / files


def test_the_size_of_an_original_comes_from_its_header(tmp_path: Path) -> None:
    box = "[{'x': 1, 'y': 1, 'width': 2, 'height': 3}]"
    folder = siim(tmp_path / "s", [study("st", TYPICAL)], [image("im", "st", box)], ())
    write_dicom(folder / "train/st/se/im.dcm")  # 4 x 4 pixels
    (record,) = SiimCovid19().read(folder).records
    assert record.boxes == (Box(label="opacity", left=0.25, top=0.25, width=0.5, height=0.75),)


@pytest.mark.parametrize(
    ("studies", "doubt"),
    [
        ([study("st", TYPICAL, NEGATIVE)], "has 2 appearances in train_study_level.csv, expected one"),
        ([study("st")], "has 0 appearances in train_study_level.csv, expected one"),
        ([study("st", TYPICAL), study("st", NEGATIVE)], "has rows that disagree in train_study_level.csv"),
        ([study("other", TYPICAL)], "is not in train_study_level.csv"),
    ],
)
def test_a_study_without_exactly_one_appearance_has_no_label_and_says_why(
    tmp_path: Path, studies: list[dict[str, str]], doubt: str
) -> None:
    folder = siim(tmp_path / "s", studies, [image("im", "st")], ("train/im.jpg",))
    (record,) = SiimCovid19().read(folder).records
    assert record.label is None
    assert f"study st {doubt}" in record.notes


def test_an_image_that_rows_give_to_two_studies_has_no_label(tmp_path: Path) -> None:
    studies = [study("a", TYPICAL), study("b", NEGATIVE)]
    folder = siim(tmp_path / "s", studies, [image("im", "a"), image("im", "b")], ("train/im.jpg",))
    listing = SiimCovid19().read(folder)
    (record,) = listing.records
    assert (record.label, record.study_id) == (None, None)
    assert "rows name different studies" in record.notes
    assert [problem.rule for problem in listing.problems] == ["same-file"]


def test_rows_without_file_and_files_without_row_are_problems(tmp_path: Path) -> None:
    folder = siim(tmp_path / "s", [study("st", TYPICAL)], [image("gone", "st")], ("train/extra.jpg",))
    listing = SiimCovid19().read(folder)
    assert {problem.rule for problem in listing.problems} == {"no-file", "no-metadata"}
    assert "1 of 1 studies of train_study_level.csv have no image here" in listing.notes


@pytest.mark.parametrize(
    ("text", "size", "note"),
    [
        ("[{'x': 1, 'y': 2}]", True, "1 images: boxes do not parse"),
        ("left lung", True, "1 images: boxes do not parse"),
        (f"[{BOX}] and more", True, "1 images: boxes do not parse"),
        (f"[{BOX}]", False, "whose size is unknown (im)"),
        ("[{'x': 390, 'y': 40, 'width': 30, 'height': 20}]", True, "not inside the image (im)"),
        ("[{'x': -9, 'y': 40, 'width': 30, 'height': 20}]", True, "not inside the image (im)"),
        ("[{'x': 9, 'y': 40, 'width': 0, 'height': 20}]", True, "not inside the image (im)"),
    ],
)
def test_boxes_that_cannot_be_placed_are_left_out_and_told(tmp_path: Path, text: str, size: bool, note: str) -> None:
    folder = siim(tmp_path / "s", [study("st", TYPICAL)], [image("im", "st", text)], ("train/im.jpg",))
    if size:
        sizes(folder, ("im", "200", "400"))
    listing = SiimCovid19().read(folder)
    assert listing.records[0].boxes == ()
    assert listing.records[0].label == TYPICAL
    assert any(note in sentence for sentence in listing.notes), listing.notes


def test_both_layouts_in_one_folder_are_refused(tmp_path: Path) -> None:
    files = ("train/im.jpg", "train/st/se/im2.dcm")
    folder = siim(tmp_path / "s", [study("st", TYPICAL)], [image("im", "st")], files)
    with pytest.raises(SourceError, match="holds both layouts"):
        SiimCovid19().read(folder)


def test_a_size_that_is_no_number_is_an_error_with_file_and_line(tmp_path: Path) -> None:
    folder = siim(tmp_path / "s", [study("st", TYPICAL)], [image("im", "st")], ("train/im.jpg",))
    sizes(folder, ("im", "200", "wide"))
    with pytest.raises(SourceError, match=r"meta\.csv, line 2: size '200' x 'wide' of 'im'"):
        SiimCovid19().read(folder)


def test_what_a_label_says_is_known_by_its_name() -> None:
    assert [label_kind(name) for name in (TYPICAL, "COVID-19", None)] == ["appearance", "diagnosis", None]


def test_estimated_sizes_are_whole_numbers_of_pixels() -> None:
    found = np.array(list(estimated_sizes().values()))
    assert len(found) > 3000
    assert (found > 500).all()
    assert (found < 6000).all()
