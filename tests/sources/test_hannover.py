from __future__ import annotations

from pathlib import Path

from covidcxr.core.types import Sex, View
from covidcxr.sources.hannover import Hannover
from source_trees import only, rules, touch, write_table

HEADER = (
    "patient_id,image_id,sex,age,size,weight,admission_offset,icu_admission_offset,icu_release_offset,death_offset,modality,"
    "projection,crp_offset,crp_val"
)
ROW = {"patient_id": "8cb68566", "image_id": "7a9ec606", "sex": "f", "modality": "CR", "projection": "ap"}


def tree(folder: Path, *rows: dict[str, str], files: tuple[str, ...] = ()) -> Path:
    write_table(folder / "data.csv", HEADER, [{**ROW, **row} for row in rows])
    (folder / "png").mkdir()
    touch(folder, *files)
    return folder


def test_a_row_becomes_a_covid_record_of_its_patient(tmp_path: Path) -> None:
    row = {"admission_offset": "-16", "icu_admission_offset": "-16.0", "icu_release_offset": "-9.0"}
    record = only(Hannover().read(tree(tmp_path / "s", row, files=("png/7a9ec606.png",))))
    assert (record.record_id, record.patient_id) == (
        "covid-19-image-repository:7a9ec606.png",
        "covid-19-image-repository:8cb68566",
    )
    assert (record.label, record.view, record.modality, record.sex) == ("COVID-19", View.AP, "CR", Sex.FEMALE)
    assert (record.day_offset, record.notes, record.licence) == (16.0, "", "CC BY 3.0")


def test_a_film_between_admission_to_and_release_from_intensive_care_is_noted(tmp_path: Path) -> None:
    row = {"admission_offset": "0", "icu_admission_offset": "0.0", "icu_release_offset": "4.0", "sex": "w"}
    record = only(Hannover().read(tree(tmp_path / "s", row, files=("png/7a9ec606.png",))))
    assert (record.day_offset, record.notes, record.sex) == (0.0, "taken in intensive care", Sex.FEMALE)
    assert (record.sex_verbatim, record.offset_verbatim) == ("w", "0")


def test_rows_and_files_without_each_other_are_problems(tmp_path: Path) -> None:
    listing = Hannover().read(tree(tmp_path / "s", {}, files=("png/other.png",)))
    assert (listing.records, sorted(rules(listing))) == ((), ["no-file", "no-metadata"])
