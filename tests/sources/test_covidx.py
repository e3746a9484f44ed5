from __future__ import annotations

from pathlib import Path

import pytest

from covidcxr.core.errors import SourceError
from covidcxr.sources.covidx import Covidx, read_line
from source_trees import only, rules, touch


def tree(folder: Path, *files: str, train: str, test: str = "", name: str = "COVIDx6") -> Path:
    folder.mkdir()
    (folder / f"train_{name}.txt").write_text(train, encoding="utf-8")
    if test:
        (folder / f"test_{name}.txt").write_text(test, encoding="utf-8")
    (folder / "data" / "train").mkdir(parents=True)
    touch(folder, *files)
    return folder


def test_lines_become_records_with_label_split_and_origin(tmp_path: Path) -> None:
    train = "19 a.jpg positive cohen\nANON6 b.png negative actmed\n419639-003251 c.png positive ricord\n"
    files = ("data/train/a.jpg", "data/train/b.png", "data/train/c.png", "data/test/d.png")
    listing = Covidx().read(tree(tmp_path / "s", *files, train=train, test="S-1 d.png pneumonia\n"))
    assert [(record.path.name, record.label, record.split, record.patient_id) for record in listing.records] == [
        ("a.jpg", "COVID-19", "train", "covid-chestxray-dataset:19"),
        ("b.png", "Not COVID-19", "train", "actualmed:ANON6"),
        ("c.png", "COVID-19", "train", "covidx:ricord:419639-003251"),
        ("d.png", "Pneumonia", "test", "covidx:unknown:S-1"),
    ]
    assert listing.records[0].notes == "COVIDx took it from cohen"


def test_a_patient_is_the_same_person_as_in_the_source_it_was_taken_from(tmp_path: Path) -> None:
    train = "COVID-00003b COVID-00003b.jpg positive fig1\n"
    record = only(Covidx().read(tree(tmp_path / "s", "data/train/COVID-00003b.jpg", train=train)))
    assert record.patient_id == "figure1:COVID-00003"


@pytest.mark.parametrize(
    "line", ["46baab38-2341 46baab38-2341.png negative rsna", "COVID-19(70) COVID-19(70).png positive sirm"]
)
def test_a_film_number_is_not_taken_for_a_patient(tmp_path: Path, line: str) -> None:
    record = only(Covidx().read(tree(tmp_path / "s", f"data/train/{line.split()[1]}", train=line)))
    assert record.patient_id is None


def test_a_file_name_with_spaces_is_found_by_what_is_there() -> None:
    row = read_line("COVID 7 COVID 7.png positive sirm", {"COVID 7.png"})
    assert row == {"patientid": "COVID 7", "filename": "COVID 7.png", "class": "positive", "source": "sirm"}
    assert read_line("1 x.png maybe cohen", set()) is None
    assert read_line("positive cohen", set()) is None


def test_the_kaggle_layout_with_plain_names_is_read(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.png", "test/a.png")
    (tmp_path / "train.txt").write_text("1 a.png positive cohen\n", encoding="utf-8")
    (tmp_path / "test.txt").write_text("2 a.png negative cohen\n", encoding="utf-8")
    assert [record.record_id for record in Covidx().read(tmp_path).records] == [
        "covidx:test/a.png",
        "covidx:train/a.png",
    ]


def test_named_images_that_are_not_there_and_others_are_problems(tmp_path: Path) -> None:
    folder = tree(
        tmp_path / "s", "data/train/extra.png", train="1 gone.png positive cohen\n1 ../../x.png positive cohen\n"
    )
    assert sorted(rules(Covidx().read(folder))) == ["no-file", "no-metadata", "outside-folder"]


def test_a_line_of_another_shape_is_named_with_its_number(tmp_path: Path) -> None:
    folder = tree(tmp_path / "s", train="1 a.png positive cohen\nnothing to see\n")
    with pytest.raises(
        SourceError, match=r"train_COVIDx6\.txt line 2: found 'nothing to see'; expected patientid filename"
    ):
        Covidx().read(folder)


def test_two_editions_in_one_folder_are_refused(tmp_path: Path) -> None:
    folder = tree(tmp_path / "s", train="1 a.png positive cohen\n")
    (folder / "train_COVIDx7A.txt").write_text("", encoding="utf-8")
    with pytest.raises(SourceError, match=r"2 lists for train \(train_COVIDx6\.txt, train_COVIDx7A\.txt\)"):
        Covidx().read(folder)
