from __future__ import annotations

from pathlib import Path

import pytest

from covidcxr.core.types import View
from covidcxr.sources.figure1 import Figure1
from source_trees import figure1, only, rules


def test_the_file_is_found_by_its_stem_whatever_its_ending(tmp_path: Path) -> None:
    rows = [{"patientid": "COVID-00001"}, {"patientid": "COVID-00002"}, {"patientid": "COVID-00003"}]
    files = ["images/COVID-00001.jpg", "images/COVID-00002.PNG"]
    listing = Figure1().read(figure1(tmp_path / "s", *rows, files=files))
    assert [record.path.name for record in listing.records] == ["COVID-00001.jpg", "COVID-00002.PNG"]
    assert [problem.path for problem in listing.problems] == ["images/COVID-00003"]


def test_letters_count_the_films_of_one_patient(tmp_path: Path) -> None:
    rows = [{"patientid": f"COVID-00039{letter}"} for letter in "abc"]
    listing = Figure1().read(figure1(tmp_path / "s", *rows, files=[f"images/COVID-00039{x}.jpg" for x in "abc"]))
    assert {record.patient_id for record in listing.records} == {"figure1:COVID-00039"}


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig"])
def test_the_table_reads_the_same_in_either_encoding(tmp_path: Path, encoding: str) -> None:
    row = {"patientid": "COVID-00007", "notes": "Fever 38° low 90’s", "age": "73"}
    record = only(Figure1().read(figure1(tmp_path / "s", row, files=["images/COVID-00007.jpg"], encoding=encoding)))
    assert record.notes == "blank view, frontal by eye | Fever 38° low 90’s"
    assert record.age_years == 73.0


def test_a_blank_view_stays_unknown_with_a_note_and_a_named_one_is_read(tmp_path: Path) -> None:
    rows = [{"patientid": "COVID-00001", "view": "AP erect"}, {"patientid": "COVID-00002"}]
    listing = Figure1().read(figure1(tmp_path / "s", *rows, files=["images/COVID-00001.jpg", "images/COVID-00002.jpg"]))
    named, blank = listing.records
    assert (named.view, named.view_verbatim, named.notes) == (View.AP, "AP erect", "")
    assert (blank.view, blank.view_verbatim, blank.notes) == (View.UNKNOWN, "", "blank view, frontal by eye")


def test_a_blank_finding_has_no_label_and_no_finding_is_normal(tmp_path: Path) -> None:
    rows = [{"patientid": "a1", "finding": ""}, {"patientid": "a2", "finding": "No finding"}]
    listing = Figure1().read(figure1(tmp_path / "s", *rows, files=["images/a1.jpg", "images/a2.jpg"]))
    assert [record.label for record in listing.records] == [None, "Normal"]


def test_two_files_with_one_stem_leave_the_second_as_a_problem(tmp_path: Path) -> None:
    files = ["images/COVID-00001.jpg", "images/COVID-00001.png"]
    listing = Figure1().read(figure1(tmp_path / "s", {"patientid": "COVID-00001"}, files=files))
    assert only(listing).path.name == "COVID-00001.jpg"
    assert rules(listing) == ["no-metadata"]


def test_a_patientid_that_climbs_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("not yours", encoding="utf-8")
    listing = Figure1().read(figure1(tmp_path / "s", {"patientid": "../../secret"}))
    assert rules(listing) == ["outside-folder"]
