from __future__ import annotations

from pathlib import Path

import pytest

from covidcxr.core.errors import SourceError
from covidcxr.core.types import Sex, View
from covidcxr.sources.nih_chest_xray14 import NihChestXray14, read_findings
from source_trees import nih, only, rules, touch


@pytest.mark.parametrize(
    ("findings", "label"),
    [
        ("No Finding", "Normal"),
        ("Pneumonia", "Pneumonia"),
        ("Edema|Infiltration|Pneumonia", "Pneumonia"),
        ("Effusion", None),
        ("Pneumothorax", None),
        ("", None),
    ],
)
def test_findings_are_matched_by_whole_name(findings: str, label: str | None) -> None:
    assert read_findings(findings) == label


def test_a_row_becomes_a_record(tmp_path: Path) -> None:
    row = {"Image Index": "00001280_004.png", "Follow-up #": "4", "Patient ID": "1280", "Patient Age": "36"}
    record = only(NihChestXray14().read(nih(tmp_path / "s", row, files=["images/00001280_004.png"])))
    assert record.record_id == "nih-chest-xray14:00001280_004.png"
    assert (record.patient_id, record.study_id) == ("nih-chest-xray14:1280", "nih-chest-xray14:1280:4")
    assert (record.label, record.view, record.sex, record.age_years) == ("Normal", View.PA, Sex.FEMALE, 36.0)
    assert record.sex_verbatim == "F"


def test_the_first_edition_with_its_dicom_ages_and_archive_folders_reads(tmp_path: Path) -> None:
    rows = [
        {"Image Index": "00000001_000.png", "Patient Age": "058Y", "Patient ID": "00000001"},
        {"Image Index": "00000002_000.png", "Patient Age": "414Y", "Patient ID": "00000002"},
    ]
    files = ["images_001/images/00000001_000.png", "images_002/images/00000002_000.png"]
    listing = NihChestXray14().read(nih(tmp_path / "s", *rows, files=files, table="Data_Entry_2017.csv"))
    first, second = listing.records
    assert (first.age_years, second.age_years, second.age_verbatim) == (58.0, None, "414Y")
    assert (first.patient_id, listing.problems) == ("nih-chest-xray14:1", ())


def test_the_official_lists_give_the_split(tmp_path: Path) -> None:
    rows = [{"Image Index": name} for name in ("a.png", "b.png", "c.png")]
    folder = nih(tmp_path / "s", *rows, files=["images/a.png", "images/b.png", "images/c.png"])
    (folder / "test_list.txt").write_text("b.png\n", encoding="utf-8")
    (folder / "train_val_list.txt").write_text("a.png\n", encoding="utf-8")
    assert [record.split for record in NihChestXray14().read(folder).records] == ["train", "test", None]


def test_one_name_in_two_archive_folders_leaves_the_second_as_a_problem(tmp_path: Path) -> None:
    files = ["images_001/images/a.png", "images_002/images/a.png"]
    listing = NihChestXray14().read(nih(tmp_path / "s", {"Image Index": "a.png"}, files=files))
    assert only(listing).record_id == "nih-chest-xray14:images_001/images/a.png"
    assert rules(listing) == ["no-metadata"]


def test_images_without_any_table_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png")
    with pytest.raises(SourceError, match=r"found images/; expected Data_Entry_2017_v2020\.csv"):
        NihChestXray14().read(tmp_path)
