from __future__ import annotations

from pathlib import Path

import pytest

from covidcxr.core.errors import SourceError
from covidcxr.core.types import View
from covidcxr.sources.covidgr import Covidgr
from covidcxr.sources.source import SourceListing
from source_trees import rules, touch, write_table


def read(folder: Path, *files: str) -> SourceListing:
    for part in ("P", "N"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    touch(folder, *files)
    return Covidgr().read(folder)


def severity(folder: Path, *rows: tuple[str, str], header: str = "image,severity", name: str = "severity.csv") -> None:
    write_table(folder / name, header, [dict(zip(header.split(","), row, strict=True)) for row in rows])


def test_positive_and_negative_images_have_their_diagnosis_and_level(tmp_path: Path) -> None:
    severity(tmp_path, ("p1.jpg", "SEVERE"), ("p2.jpg", "NORMAL-PCR+"))
    listing = read(tmp_path, "P/p1.jpg", "P/p2.jpg", "N/n1.jpg")
    found = {record.path.name: (record.label, record.finding) for record in listing.records}
    assert found == {
        "p1.jpg": ("COVID-19", "PCR positive, SEVERE"),
        "p2.jpg": ("COVID-19", "PCR positive, NORMAL-PCR+"),
        "n1.jpg": ("Normal", "PCR negative"),
    }
    assert {record.view for record in listing.records} == {View.PA}
    assert {record.label_kind for record in listing.records} == {"diagnosis"}


def test_without_a_table_the_levels_are_unknown_and_told(tmp_path: Path) -> None:
    listing = read(tmp_path, "P/p1.jpg")
    assert listing.notes == ("no table of severity: the levels of the positive images are unknown",)


def test_rows_without_file_are_problems_and_disagreeing_rows_give_no_level(tmp_path: Path) -> None:
    severity(tmp_path, ("p1.jpg", "MILD"), ("p1.jpg", "SEVERE"), ("gone.jpg", "MILD"))
    listing = read(tmp_path, "P/p1.jpg")
    assert rules(listing) == ["no-file"]
    assert listing.records[0].finding == "PCR positive"
    assert "disagree on its severity" in listing.records[0].notes


def test_two_tables_or_other_columns_are_errors(tmp_path: Path) -> None:
    severity(tmp_path, ("p1.jpg", "MILD"), header="who,how")
    with pytest.raises(SourceError, match=r"no column of file names \(found: who, how\)"):
        read(tmp_path, "P/p1.jpg")
    severity(tmp_path, ("p1.jpg", "MILD"), name="severity2.csv")
    with pytest.raises(SourceError, match="could all be the table of severity; keep one"):
        read(tmp_path, "P/p1.jpg")
