from __future__ import annotations

from pathlib import Path

from covidcxr.core.types import View
from covidcxr.sources.actualmed import Actualmed
from source_trees import actualmed, only, rules


def test_findings_read_and_a_blank_one_is_inconclusive(tmp_path: Path) -> None:
    rows = [
        {"imagename": "CR.1.2.png"},
        {"imagename": "CR.1.3.png", "finding": "No finding", "view": "AP"},
        {"imagename": "CR.1.4.png", "finding": ""},
    ]
    files = [f"images/CR.1.{number}.png" for number in (2, 3, 4)]
    listing = Actualmed().read(actualmed(tmp_path / "s", *rows, files=files))
    assert [record.label for record in listing.records] == ["COVID-19", "Normal", None]
    assert [record.view for record in listing.records] == [View.PA, View.AP, View.PA]
    assert {record.patient_id for record in listing.records} == {"actualmed:ANON1"}


def test_films_that_are_not_in_the_pack_are_problems(tmp_path: Path) -> None:
    rows = [{"imagename": f"{number}.png"} for number in range(5)]
    listing = Actualmed().read(actualmed(tmp_path / "s", *rows, files=["images/3.png"]))
    assert (only(listing).path.name, rules(listing)) == ("3.png", ["no-file"] * 4)


def test_columns_that_nobody_filled_stay_unknown(tmp_path: Path) -> None:
    row = {"imagename": "1.png", "notes": ", date taken (YYYYMMDD): 20200318"}
    record = only(Actualmed().read(actualmed(tmp_path / "s", row, files=["images/1.png"])))
    assert (record.sex, record.age_years, record.age_verbatim, record.day_offset) == (None, None, "", None)
    assert record.notes == ", date taken (YYYYMMDD): 20200318"
