from __future__ import annotations

import json
from pathlib import Path

import pytest

from covidcxr.core.errors import DatasetError
from covidcxr.dataset import Dataset
from dataset_builders import compiled_dataset, sample, write_image


def test_a_compiled_dataset_opens_with_its_manifest(tmp_path: Path) -> None:
    written = compiled_dataset(tmp_path, sample("a.png"), sample("b.png", label="Normal", split="test"))
    dataset = Dataset.open(tmp_path)
    assert dataset.manifest == written
    assert dataset.classes == ("COVID-19", "Normal")
    assert dataset.name == "miniature"
    assert [item.record.record_id for item in dataset.split("test")] == ["cohen:b.png"]
    assert dataset.image_path(dataset.samples[0]).is_file()


def test_an_empty_split_is_named(tmp_path: Path) -> None:
    compiled_dataset(tmp_path, sample("a.png"))
    with pytest.raises(DatasetError, match=r"split 'test' \(found: train\)"):
        Dataset.open(tmp_path).split("test")


def test_a_dataset_without_dataset_json_is_partial(tmp_path: Path) -> None:
    compiled_dataset(tmp_path, sample("a.png"))
    (tmp_path / "dataset.json").unlink()
    with pytest.raises(DatasetError, match=r"no dataset\.json"):
        Dataset.open(tmp_path)


def test_labels_take_the_callers_names_and_order(tmp_path: Path) -> None:
    compiled_dataset(tmp_path, sample("a.png"), sample("b.png", label="Normal"))
    dataset = Dataset.open(tmp_path, classes=("normal", "Covid19"))
    assert dataset.classes == ("normal", "Covid19")
    assert [item.label for item in dataset.samples] == ["Covid19", "normal"]


def test_a_class_the_caller_does_not_know_is_refused(tmp_path: Path) -> None:
    compiled_dataset(tmp_path, sample("a.png"), sample("b.png", label="Normal"))
    with pytest.raises(DatasetError, match="'Normal' is none of COVID-19, Pneumonia"):
        Dataset.open(tmp_path, classes=("COVID-19", "Pneumonia"))


def test_an_untouched_dataset_verifies(tmp_path: Path) -> None:
    compiled_dataset(tmp_path, sample("a.png"), sample("b.png"))
    assert Dataset.open(tmp_path).verify() == ()


def test_verify_names_the_altered_the_missing_and_the_unlisted_image(tmp_path: Path) -> None:
    compiled_dataset(tmp_path, sample("a.png"), sample("b.png"))
    dataset = Dataset.open(tmp_path)
    folder = tmp_path / "images/train/COVID-19"
    write_image(folder / "cohen__a.png.jpg", seed=99)
    (folder / "cohen__b.png.jpg").rename(folder / "new.jpg")
    problems = {problem.path.rpartition("/")[2]: problem.detail for problem in dataset.verify()}
    assert problems.keys() == {"cohen__a.png.jpg", "cohen__b.png.jpg", "new.jpg"}
    assert problems["cohen__a.png.jpg"].startswith("altered")
    assert problems["cohen__b.png.jpg"] == "missing"
    assert problems["new.jpg"] == "not in SHA256SUMS"


def test_verify_names_an_altered_list_of_sums(tmp_path: Path) -> None:
    compiled_dataset(tmp_path, sample("a.png"))
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(sums.read_text() + "\n")
    assert [problem.path for problem in Dataset.open(tmp_path).verify()] == ["SHA256SUMS"]


def test_verify_names_an_altered_and_a_missing_side_file(tmp_path: Path) -> None:
    for name in ("DATASHEET.md", "leaks.json"):
        (tmp_path / name).write_text("as written")
    compiled_dataset(tmp_path, sample("a.png"))
    (tmp_path / "my-notes.txt").write_text("of no concern")
    assert Dataset.open(tmp_path).verify() == ()
    (tmp_path / "DATASHEET.md").write_text("embellished")
    (tmp_path / "leaks.json").unlink()
    assert [(problem.path, problem.detail) for problem in Dataset.open(tmp_path).verify()] == [
        ("DATASHEET.md", "altered: its SHA-256 is not the one in dataset.json"),
        ("leaks.json", "missing"),
    ]


def test_a_dataset_of_an_earlier_release_that_lists_only_its_tables_verifies(tmp_path: Path) -> None:
    (tmp_path / "DATASHEET.md").write_text("as written")
    compiled_dataset(tmp_path, sample("a.png"))
    path = tmp_path / "dataset.json"
    document = json.loads(path.read_text())
    del document["files"]["DATASHEET.md"]
    path.write_text(json.dumps(document))
    assert Dataset.open(tmp_path).verify() == ()


def test_class_folders_open_without_a_split_level(tmp_path: Path) -> None:
    for seed, name in enumerate(["COVID19/1.jpg", "COVID19/deep/2.IMA", "normal/3"]):  # content decides, not the name
        write_image(tmp_path / name, seed)
    (tmp_path / "Viral").mkdir()
    (tmp_path / "Viral" / "notes.txt").write_text("seen by two readers")
    dataset = Dataset.open(tmp_path)
    assert dataset.classes == ("COVID-19", "Normal")
    assert [(item.label, item.split) for item in dataset.samples] == [
        ("COVID-19", "test"),
        ("COVID-19", "test"),
        ("Normal", "test"),
    ]
    assert [item.rule for item in dataset.left_out] == ["not-an-image"]
    assert not dataset.compiled
    assert len({item.group_id for item in dataset.samples}) == 3


def test_class_folders_open_with_a_split_level(tmp_path: Path) -> None:
    for seed, name in enumerate(["train/covid-19/1.jpg", "Validation/covid-19/2.jpg", "test/NORMAL/3.jpg"]):
        write_image(tmp_path / name, seed)
    dataset = Dataset.open(tmp_path)
    assert {item.image: item.split for item in dataset.samples} == {
        "train/covid-19/1.jpg": "train",
        "Validation/covid-19/2.jpg": "val",
        "test/NORMAL/3.jpg": "test",
    }


def test_class_folders_take_the_callers_classes(tmp_path: Path) -> None:
    write_image(tmp_path / "covid_19/1.jpg", 0)
    dataset = Dataset.open(tmp_path, classes=("COVID-19", "Normal", "Pneumonia"))
    assert dataset.classes == ("COVID-19", "Normal", "Pneumonia")
    assert dataset.samples[0].label == "COVID-19"


def test_a_class_folder_that_means_no_class_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "no covid-19 at all/1.jpg", 0)
    with pytest.raises(DatasetError, match="'no covid-19 at all' is none of"):
        Dataset.open(tmp_path)


def test_masks_beside_images_are_no_images(tmp_path: Path) -> None:
    write_image(tmp_path / "COVID/images/1.jpg", 0)
    write_image(tmp_path / "COVID/masks/1.jpg", 1)
    write_image(tmp_path / "masks/COVID/1.jpg", 1)
    assert [item.image for item in Dataset.open(tmp_path).samples] == ["COVID/images/1.jpg"]


def test_the_digest_of_class_folders_follows_their_content(tmp_path: Path) -> None:
    write_image(tmp_path / "COVID/1.jpg", 0)
    before = Dataset.open(tmp_path).digest
    assert Dataset.open(tmp_path).digest == before
    write_image(tmp_path / "COVID/1.jpg", 1)
    assert Dataset.open(tmp_path).digest != before


def test_an_empty_tree_is_refused(tmp_path: Path) -> None:
    (tmp_path / "COVID-19").mkdir()
    (tmp_path / "COVID-19" / "readme.md").write_text("nothing here")
    with pytest.raises(DatasetError, match=r"no image in any class folder \(1 left out: 1 not-an-image"):
        Dataset.open(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder"):
        Dataset.open(tmp_path / "absent")
