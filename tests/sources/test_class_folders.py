from __future__ import annotations

from pathlib import Path

import bundles
from covidcxr.sources.class_folders import ClassFolders
from covidcxr.sources.lookup import locate_sources
from source_trees import rules, touch


def test_class_names_match_without_case_or_punctuation_in_any_split(tmp_path: Path) -> None:
    names = ("train/COVID19/a.png", "Test/covid-19/a.png", "val/No Finding/b.jpg", "train/Viral Pneumonia/deep/c.png")
    touch(tmp_path, *names)
    found = {record.path.relative_to(tmp_path).as_posix(): record for record in ClassFolders().read(tmp_path).records}
    assert [(found[name].label, found[name].split) for name in names] == [
        ("COVID-19", "train"),
        ("COVID-19", "test"),
        ("Normal", "val"),
        ("Pneumonia", "train"),
    ]


def test_a_tree_without_splits_reads_and_an_unknown_class_has_no_label(tmp_path: Path) -> None:
    touch(tmp_path, "normal/a.png", "no covid/b.png", "tuberculosis/c.png", "stray.png", "normal/notes.txt")
    listing = ClassFolders().read(tmp_path)
    assert [(record.finding, record.label, record.split) for record in listing.records] == [
        ("no covid", "Not COVID-19", None),
        ("normal", "Normal", None),
        ("tuberculosis", None, None),
    ]
    assert rules(listing) == ["not-an-image", "no-metadata"]
    assert listing.num_files == 4


def test_content_and_not_the_name_says_what_is_an_image(tmp_path: Path) -> None:
    touch(tmp_path, "normal/readme")
    for name in ("normal/a.jfif", "normal/b", "covid-19/c.IMA"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bundles.png(1))
    listing = ClassFolders().read(tmp_path)
    assert {record.path.name for record in listing.records} == {"a.jfif", "b", "c.IMA"}
    assert [(problem.rule, problem.path) for problem in listing.problems] == [("not-an-image", "normal/readme")]


def test_a_word_for_unknown_is_no_patient(tmp_path: Path) -> None:
    touch(tmp_path, "normal/NA__1.png", "normal/unknown__2.png", "normal/7__3.png")
    assert [record.patient_id for record in ClassFolders().read(tmp_path).records] == ["class-folders:7", None, None]


def test_a_patient_can_be_named_in_the_file_name(tmp_path: Path) -> None:
    touch(tmp_path, "normal/p7__1.png", "normal/p7__2.png", "normal/x.png")
    patients = [record.patient_id for record in ClassFolders().read(tmp_path).records]
    assert patients == ["class-folders:p7", "class-folders:p7", None]


def test_only_a_folder_of_that_name_is_taken_for_one(tmp_path: Path) -> None:
    touch(tmp_path, "class-folders/normal/a.png", "other/normal/a.png")
    assert locate_sources(tmp_path) == {"class-folders": tmp_path / "class-folders"}


def test_masks_beside_films_are_reported_and_are_no_films(tmp_path: Path) -> None:
    touch(tmp_path, "COVID/images/1.png", "COVID/masks/1.png", "train/Normal/Lung Masks/2.png", "train/Normal/2.png")
    listing = ClassFolders().read(tmp_path)
    assert [record.record_id for record in listing.records] == [
        "class-folders:COVID/images/1.png",
        "class-folders:train/Normal/2.png",
    ]
    assert [(problem.rule, problem.path) for problem in listing.problems] == [
        ("mask", "COVID/masks/1.png"),
        ("mask", "train/Normal/Lung Masks/2.png"),
    ]
