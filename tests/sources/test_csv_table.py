from __future__ import annotations

from pathlib import Path

import pytest

import bundles
from covidcxr.core.errors import SourceError
from covidcxr.core.types import Sex, View
from covidcxr.sources.csv_table import CsvTable
from source_trees import only, rules, touch, write_table


def test_paths_and_labels_alone_are_enough(tmp_path: Path) -> None:
    write_table(
        tmp_path / "films.csv", "path,label", [{"path": "a/1.png", "label": "covid"}, {"path": "b.png", "label": "TB"}]
    )
    touch(tmp_path, "a/1.png", "b.png")
    assert [(record.record_id, record.label) for record in CsvTable().read(tmp_path).records] == [
        ("csv:1.png", "COVID-19"),
        ("csv:b.png", None),
    ]


def test_every_further_column_is_read(tmp_path: Path) -> None:
    header = "filename,finding,patient_id,study_id,split,view,modality,sex,age,day_offset,license,url,notes"
    values = "1.dcm,No finding,7,s1,validation,AP supine,DX,f,mid 50s,-2,CC0,https://x,seen by eye"
    (tmp_path / "t.csv").write_text(f"{header}\n{values}\n", encoding="utf-8")
    touch(tmp_path, "1.dcm")
    record = only(CsvTable().read(tmp_path))
    assert (record.patient_id, record.study_id, record.split) == ("csv:7", "csv:s1", "val")
    assert (record.view, record.sex, record.age_years, record.age_verbatim) == (
        View.AP_SUPINE,
        Sex.FEMALE,
        55.0,
        "mid 50s",
    )
    assert (record.sex_verbatim, record.offset_verbatim) == ("f", "-2")
    assert (record.label, record.day_offset, record.licence, record.notes) == ("Normal", -2.0, "CC0", "seen by eye")


def test_a_path_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "other/x.png")
    write_table(
        tmp_path / "csv/t.csv", "path,label", [{"path": "../other/x.png"}, {"path": str(tmp_path / "other/x.png")}]
    )
    assert rules(CsvTable().read(tmp_path / "csv")) == ["outside-folder", "outside-folder"]


def test_a_table_without_paths_or_labels_names_its_columns(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", "path,opinion", [])
    with pytest.raises(SourceError, match=r"t\.csv: found the columns path, opinion; expected .*column label"):
        CsvTable().read(tmp_path)


def test_two_tables_are_refused(tmp_path: Path) -> None:
    write_table(tmp_path / "a.csv", "path,label", [])
    write_table(tmp_path / "b.csv", "path,label", [])
    with pytest.raises(SourceError, match=r"found a\.csv, b\.csv; expected one \.csv file"):
        CsvTable().read(tmp_path)


def test_a_modality_in_any_case_is_told_in_dicom_terms(tmp_path: Path) -> None:
    words = ("ct", "CT", "x-ray", "mr", "")
    rows = [{"path": f"{number}.png", "label": "covid", "modality": word} for number, word in enumerate(words)]
    write_table(tmp_path / "t.csv", "path,label,modality", rows)
    touch(tmp_path, *(row["path"] for row in rows))
    assert [record.modality for record in CsvTable().read(tmp_path).records] == ["CT", "CT", "DX", "MR", "UNKNOWN"]


def test_the_usual_words_for_a_split_are_read_and_others_are_noted(tmp_path: Path) -> None:
    words = ("Training", "testing", "valid", "holdout", "")
    rows = [{"path": f"{number}.png", "label": "covid", "split": word} for number, word in enumerate(words)]
    write_table(tmp_path / "t.csv", "path,label,split", rows)
    touch(tmp_path, *(row["path"] for row in rows))
    listing = CsvTable().read(tmp_path)
    assert [record.split for record in listing.records] == ["train", "test", "val", None, None]
    (note,) = listing.notes
    assert note.startswith("1 rows of t.csv name a split that is none of train, val and test")
    assert "'holdout' (1)" in note


def test_content_and_not_the_name_says_what_is_an_image(tmp_path: Path) -> None:
    (tmp_path / "png").mkdir()
    for name in ("a.jfif", "b"):
        (tmp_path / "png" / name).write_bytes(bundles.png(1))
    (tmp_path / "png" / "notes.txt").write_text("read by two")
    (tmp_path / "table.csv").write_text("path,label\npng/a.jfif,covid\npng/b,normal\npng/notes.txt,normal\n")
    listing = CsvTable().read(tmp_path)
    assert [record.label for record in listing.records] == ["COVID-19", "Normal"]
    assert [(problem.rule, problem.path) for problem in listing.problems] == [("not-an-image", "png/notes.txt")]
