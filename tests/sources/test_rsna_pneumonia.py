from __future__ import annotations

import json
from pathlib import Path

import pytest

from covidcxr.core.errors import SourceError
from covidcxr.core.types import Sex, View
from covidcxr.sources.rsna_pneumonia import RsnaPneumonia
from source_trees import touch, write_dicom, write_table

OPACITY, NORMAL, OTHER = "0004cfab-14fd", "003d8fa0-6bf1", "00322d4d-1c29"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "rsna-pneumonia"
    boxes = [
        {"patientId": OPACITY, "x": "264.0", "Target": "1"},
        {"patientId": OPACITY, "x": "562.0", "Target": "1"},
        {"patientId": NORMAL, "Target": "0"},
        {"patientId": OTHER, "Target": "0"},
    ]
    write_table(root / "stage_2_train_labels.csv", "patientId,x,y,width,height,Target", boxes)
    classes = [
        {"patientId": OPACITY, "class": "Lung Opacity"},
        {"patientId": OPACITY, "class": "Lung Opacity"},
        {"patientId": NORMAL, "class": "Normal"},
        {"patientId": OTHER, "class": "No Lung Opacity / Not Normal"},
    ]
    write_table(root / "stage_2_detailed_class_info.csv", "patientId,class", classes)
    for name in (OPACITY, NORMAL, OTHER):
        write_dicom(root / "stage_2_train_images" / f"{name}.dcm", view="AP" if name == OPACITY else "PA")
    return root


def test_several_boxes_of_one_film_make_one_record_with_the_headers_facts(folder: Path) -> None:
    listing = RsnaPneumonia().read(folder)
    assert (len(listing.records), listing.num_rows, listing.problems) == (3, 3, ())
    by_name = {record.path.stem: record for record in listing.records}
    assert [by_name[name].label for name in (OPACITY, NORMAL, OTHER)] == ["Pneumonia", "Normal", None]
    film = by_name[OPACITY]
    assert (film.view, film.sex, film.age_years, film.modality) == (View.AP, Sex.FEMALE, 51.0, "CR")
    assert film.sex_verbatim == "F"
    assert film.patient_id is None


def test_the_published_mapping_gives_the_patients_of_the_nih(folder: Path) -> None:
    entries = [{"subset_img_id": OPACITY, "img_id": "00013118_008.png", "SOPInstanceUID": "1.2.3"}]
    (folder / "pneumonia-challenge-dataset-mappings_2018.json").write_text(json.dumps(entries), encoding="utf-8")
    by_name = {record.path.stem: record.patient_id for record in RsnaPneumonia().read(folder).records}
    assert (by_name[OPACITY], by_name[NORMAL]) == ("nih-chest-xray14:13118", None)


@pytest.mark.parametrize("text", ["not json", '[{"img_id": "1"}]', "[1]"])
def test_another_mapping_is_an_error_that_names_the_file(folder: Path, text: str) -> None:
    (folder / "pneumonia-challenge-dataset-mappings.json").write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=r"mappings\.json: not the mapping of the challenge"):
        RsnaPneumonia().read(folder)


def test_the_unlabelled_test_part_is_listed_without_a_label(folder: Path) -> None:
    write_dicom(folder / "stage_2_test_images" / "aaaa.dcm")
    record = RsnaPneumonia().read(folder).records[-1]
    assert (record.record_id, record.label) == ("rsna-pneumonia:aaaa.dcm", None)
    assert "labels not published" in record.notes


def test_missing_extra_and_broken_films_are_reported(folder: Path) -> None:
    (folder / "stage_2_train_images" / f"{NORMAL}.dcm").unlink()
    touch(folder, "stage_2_train_images/extra.dcm", f"stage_2_train_images/{OTHER}.dcm")
    listing = RsnaPneumonia().read(folder)
    assert [(problem.rule, problem.path) for problem in listing.problems] == [
        ("no-file", f"stage_2_train_images/{NORMAL}.dcm"),
        ("no-metadata", "stage_2_train_images/extra.dcm"),
    ]
    broken = next(record for record in listing.records if record.path.stem == OTHER)
    assert broken.notes == "DICOM header unreadable: not-dicom"
    assert broken.view is View.UNKNOWN


def test_without_the_detailed_table_a_target_of_0_has_no_label(folder: Path) -> None:
    (folder / "stage_2_detailed_class_info.csv").unlink()
    by_name = {record.path.stem: record.label for record in RsnaPneumonia().read(folder).records}
    assert by_name == {OPACITY: "Pneumonia", NORMAL: None, OTHER: None}
