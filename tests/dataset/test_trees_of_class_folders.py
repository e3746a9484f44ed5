"""Trees of class folders: content decides what an image is, and whatever is passed over is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from covidcxr.core.errors import DatasetError
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.patients import patient_notes
from dataset_builders import write_image


def left_out(root: Path) -> dict[str, str]:
    return {item.path: item.rule for item in Dataset.open(root).left_out}


def test_images_are_known_by_content_and_not_by_suffix(tmp_path: Path) -> None:
    for seed, name in enumerate(["COVID/a.png", "COVID/b.png", "COVID/c.png", "Normal/d.png"]):
        write_image(tmp_path / name, seed)
    (tmp_path / "COVID/b.png").rename(tmp_path / "COVID/b.jfif")
    (tmp_path / "COVID/c.png").rename(tmp_path / "COVID/c")
    (tmp_path / "Normal/e.png").write_text("a text")
    (tmp_path / "Normal/notes.txt").write_text("a text")
    write_image(tmp_path / "loose.png", 9)
    dataset = Dataset.open(tmp_path)
    assert [item.image for item in dataset.samples] == [
        *("COVID/a.png", "COVID/b.jfif", "COVID/c", "Normal/d.png", "Normal/e.png"),
    ]
    assert left_out(tmp_path) == {"Normal/notes.txt": "not-an-image", "loose.png": "no-metadata"}
    assert any("2 left out: " in note for note in dataset.notes)


def test_linked_folders_are_followed_for_each_class_and_circles_are_told(tmp_path: Path) -> None:
    for seed, name in enumerate(["store/1.png", "store/2.png", "tree/Normal/3.png", "tree/Pneumonia/4.png"]):
        write_image(tmp_path / name, seed)
    tree = tmp_path / "tree"
    (tree / "COVID").symlink_to(tmp_path / "store")
    (tree / "Pneumonia" / "more").symlink_to(tmp_path / "store")
    (tree / "Normal" / "self").symlink_to(tree / "Normal")
    (tree / "Normal" / "gone.png").symlink_to(tmp_path / "nothing.png")
    assert [item.image for item in Dataset.open(tree).samples] == [
        *("COVID/1.png", "COVID/2.png", "Normal/3.png", "Pneumonia/4.png", "Pneumonia/more/1.png"),
        "Pneumonia/more/2.png",
    ]
    assert left_out(tree) == {"Normal/self": "link-cycle", "Normal/gone.png": "link-broken"}


def test_a_path_that_is_too_long_is_told(tmp_path: Path) -> None:
    write_image(tmp_path / "COVID/a.png", 0)
    home = Path.cwd()
    os.chdir(tmp_path / "COVID")
    try:
        for _ in range(17):  # 17 x 251 bytes: more than the 4,096 that Linux takes in one path
            Path("x" * 250).mkdir()
            os.chdir("x" * 250)
    finally:
        os.chdir(home)
    assert [item.image for item in Dataset.open(tmp_path).samples] == ["COVID/a.png"]
    assert list(left_out(tmp_path).values()) == ["unreadable-folder"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed_is_told(tmp_path: Path) -> None:
    write_image(tmp_path / "COVID/a.png", 0)
    (tmp_path / "COVID/shut").mkdir(mode=0o000)
    assert left_out(tmp_path) == {"COVID/shut": "unreadable-folder"}


def test_a_tree_without_images_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "COVID").mkdir()
    (tmp_path / "COVID" / "notes.txt").write_text("a text")
    with pytest.raises(DatasetError, match="no image in any class folder .1 left out: 1 not-an-image .a text file"):
        Dataset.open(tmp_path)


def test_patients_are_those_that_file_names_state_and_words_for_unknown_are_none(tmp_path: Path) -> None:
    names = ["p7__1.png", "p7__2.png", "NA__3.png", "unknown__4.png", "0__5.png", "6.png"]
    for seed, name in enumerate(names):
        write_image(tmp_path / "COVID" / name, seed)
    patients = [item.record.patient_id for item in Dataset.open(tmp_path).samples]
    assert sorted(filter(None, patients)) == ["class-folders:p7"] * 2
    assert len({item.group_id for item in Dataset.open(tmp_path).samples}) == 5


def test_two_class_folders_beside_each_other_that_would_be_one_are_refused_with_both(tmp_path: Path) -> None:
    write_image(tmp_path / "COVID/a.png", 0)
    write_image(tmp_path / "covid-19/b.png", 1)
    with pytest.raises(DatasetError, match="'COVID', and .*'covid-19', would become one class, 'COVID-19'"):
        Dataset.open(tmp_path)


def test_ids_that_are_hardly_one_persons_are_told() -> None:
    assert patient_notes([("a", "Normal"), ("a", "Normal"), (None, "COVID-19"), ("b", "COVID-19")]) == ()
    (mixed,) = patient_notes([("a", "Normal"), ("a", "COVID-19"), ("b", "Normal")])
    assert "1 patient with images of more than one class: a (1 Normal, 1 COVID-19)" in mixed
    (many,) = patient_notes([("a", "Normal")] * 12 + [(f"p{number}", "Normal") for number in range(20)])
    assert "1 patient with more images than one person is likely to have, of 32 in all: a (12 Normal)" in many
