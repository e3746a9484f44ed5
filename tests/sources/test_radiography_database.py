from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from covidcxr.sources.radiography_database import RadiographyDatabase
from covidcxr.sources.source import SourceListing
from source_trees import rules, touch

RSNA = "https://www.kaggle.com/c/rsna-pneumonia-detection-challenge/data"
CHILDREN = "https://www.kaggle.com/paultimothymooney/chest-xray-pneumonia"


def sheet(path: Path, *rows: tuple[str, ...], header: tuple[str, ...] = ("FILE NAME", "FORMAT", "SIZE", "URL")) -> None:
    book = openpyxl.Workbook()
    for row in (header, *rows):
        book.active.append(row)
    book.save(path)


def read(folder: Path, *files: str) -> SourceListing:
    for part in ("COVID", "Normal"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    touch(folder, *files)
    return RadiographyDatabase().read(folder)


def test_folders_of_the_present_edition_are_read_and_masks_reported(tmp_path: Path) -> None:
    listing = read(
        tmp_path,
        "COVID/images/COVID-1.png",
        "COVID/masks/COVID-1.png",
        "Normal/images/Normal-1.png",
        "Viral Pneumonia/images/Viral Pneumonia-1.png",
        "Lung_Opacity/images/Lung_Opacity-1.png",
    )
    labels = {record.record_id: record.label for record in listing.records}
    assert labels == {
        "radiography-database:COVID/COVID-1": "COVID-19",
        "radiography-database:Normal/Normal-1": "Normal",
        "radiography-database:Viral Pneumonia/Viral Pneumonia-1": "Pneumonia",
        "radiography-database:Lung_Opacity/Lung_Opacity-1": "Pneumonia",
    }
    assert rules(listing) == ["mask"]
    assert any("no metadata sheet of COVID, Normal" in note for note in listing.notes)
    assert all("origin not stated" in record.notes for record in listing.records)


def test_an_earlier_edition_gives_the_same_record_ids(tmp_path: Path) -> None:
    listing = read(tmp_path, "COVID/COVID-1.png", "Normal/Normal-1.png")
    assert [record.record_id for record in listing.records] == [
        "radiography-database:COVID/COVID-1",
        "radiography-database:Normal/Normal-1",
    ]


def test_a_sheet_tells_children_from_adults(tmp_path: Path) -> None:
    sheet(tmp_path / "Normal.metadata.xlsx", ("NORMAL-1", "PNG", "256*256", RSNA), ("NORMAL-2", "PNG", "", CHILDREN))
    listing = read(tmp_path, "Normal/images/Normal-1.png", "Normal/images/Normal-2.png")
    adults, children = listing.records
    assert (adults.url, adults.age_verbatim) == (RSNA, "")
    assert (children.url, children.age_verbatim) == (CHILDREN, "1-5 years")
    assert "from RSNA Pneumonia Detection Challenge" in adults.notes


def test_a_row_without_its_image_is_a_problem(tmp_path: Path) -> None:
    sheet(tmp_path / "COVID.metadata.xlsx", ("COVID-7", "PNG", "", RSNA))
    assert rules(read(tmp_path, "Normal/Normal-1.png")) == ["no-file"]


def test_one_image_in_both_layouts_is_read_once_and_told(tmp_path: Path) -> None:
    listing = read(tmp_path, "COVID/COVID-1.png", "COVID/images/COVID-1.png")
    assert (len(listing.records), rules(listing)) == (1, ["same-image"])


@pytest.mark.parametrize("content", [b"FILE NAME,URL\n", b"PK\x03\x04 not a workbook", b""])
def test_a_sheet_that_is_none_is_told_and_origins_are_unknown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "COVID.metadata.xlsx").write_bytes(content)
    listing = read(tmp_path, "COVID/COVID-1.png")
    (note,) = (note for note in listing.notes if "COVID.metadata.xlsx" in note)
    assert "not a readable .xlsx workbook" in note
    assert "the origins of COVID are unknown" in note


def test_a_sheet_of_another_edition_is_told(tmp_path: Path) -> None:
    sheet(tmp_path / "COVID.metadata.xlsx", ("a", "b"), header=("NAME", "SOURCE"))
    listing = read(tmp_path, "COVID/COVID-1.png")
    assert any("no column FILE NAME, URL (found: NAME, SOURCE)" in note for note in listing.notes)
