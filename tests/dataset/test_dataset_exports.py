from __future__ import annotations

import csv
import json
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from covidcxr.core.errors import OutputError
from covidcxr.core.progress import SILENT
from covidcxr.dataset import Dataset
from covidcxr.dataset.exports import EXPORTS
from dataset_builders import compiled_dataset, sample


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    compiled_dataset(
        tmp_path / "data",
        sample("a.b.png", patient="17"),
        sample("c.png", label="Normal"),
        sample("d.png", label="Normal", split="test"),
        sample("e.png", split="val"),
    )
    return Dataset.open(tmp_path / "data")


@pytest.mark.parametrize("name", EXPORTS.names())
def test_no_export_writes_over_anything(name: str, dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="holds something already"):
        EXPORTS.get(name)(dataset, tmp_path / "out", SILENT)


@pytest.mark.parametrize("name", EXPORTS.names())
def test_every_export_carries_the_datasets_digest(name: str, dataset: Dataset, tmp_path: Path) -> None:
    EXPORTS.get(name)(dataset, tmp_path / "out", SILENT)
    out = tmp_path / "out"
    files = [out] if out.is_file() else [path for path in out.rglob("*") if path.is_file()]
    content = b"".join(path.read_bytes() for path in files)
    assert dataset.digest.encode() in content or name == "csv"
    assert len(content) > 100


def test_class_folders_open_again_with_the_same_images(dataset: Dataset, tmp_path: Path) -> None:
    EXPORTS.get("class-folders")(dataset, tmp_path / "out", SILENT)
    again = Dataset.open(tmp_path / "out")
    assert [(item.split, item.label) for item in again.samples] == [
        ("test", "Normal"),
        ("train", "COVID-19"),
        ("train", "Normal"),
        ("val", "COVID-19"),
    ]
    pixels = {path.read_bytes() for path in (tmp_path / "out").rglob("*.jpg")}
    assert pixels == {dataset.image_path(item).read_bytes() for item in dataset.samples}


def test_the_csv_names_an_image_that_is_there(dataset: Dataset, tmp_path: Path) -> None:
    EXPORTS.get("csv")(dataset, tmp_path / "all.csv", SILENT)
    with (tmp_path / "all.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["record_id"] for row in rows] == [item.record.record_id for item in dataset.samples]
    assert all(Path(row["image_path"]).is_file() for row in rows)


def test_parquet_has_numbers_and_nulls(dataset: Dataset, tmp_path: Path) -> None:
    EXPORTS.get("parquet")(dataset, tmp_path / "all.parquet", SILENT)
    rows = pq.read_table(tmp_path / "all.parquet").to_pylist()
    assert [row["age_years"] for row in rows] == [64.5] * 4
    assert [row["patient_id"] for row in rows] == ["cohen:17", None, None, None]
    assert rows[0]["rows"] == 40


def test_imagefolder_metadata_names_every_file_beside_it(dataset: Dataset, tmp_path: Path) -> None:
    EXPORTS.get("imagefolder")(dataset, tmp_path / "out", SILENT)
    seen = {}
    for split in ("train", "validation", "test"):
        with (tmp_path / "out" / split / "metadata.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert all((tmp_path / "out" / split / row["file_name"]).is_file() for row in rows)
        seen[split] = [row["label"] for row in rows]
    assert seen == {"train": ["COVID-19", "Normal"], "validation": ["COVID-19"], "test": ["Normal"]}


def test_webdataset_shards_hold_image_class_and_row_of_a_sample_under_one_key(dataset: Dataset, tmp_path: Path) -> None:
    EXPORTS.get("webdataset")(dataset, tmp_path / "out", SILENT)
    assert json.loads((tmp_path / "out" / "classes.json").read_text()) == ["COVID-19", "Normal"]
    with tarfile.open(tmp_path / "out" / "train-000000.tar") as archive:
        members = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    keys = {name.partition(".")[0] for name in members}
    assert len(keys) == 2
    for key in keys:
        row = json.loads(members[f"{key}.json"])
        (item,) = [item for item in dataset.samples if item.record.record_id == row["record_id"]]
        assert members[f"{key}.jpg"] == dataset.image_path(item).read_bytes()
        assert int(members[f"{key}.cls"]) == dataset.classes.index(item.label)


def test_webdataset_shards_are_the_same_twice(dataset: Dataset, tmp_path: Path) -> None:
    for name in ("one", "two"):
        EXPORTS.get("webdataset")(dataset, tmp_path / name, SILENT)
    shards = sorted(path.name for path in (tmp_path / "one").glob("*.tar"))
    assert shards == ["test-000000.tar", "train-000000.tar", "val-000000.tar"]
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in shards)


def test_class_folders_keep_groups_together_and_make_no_patient_of_a_source(tmp_path: Path) -> None:
    names = [("a__1.png", "17"), ("a__2.png", "17"), ("a__3.png", None), ("a__4.png", None)]
    compiled_dataset(tmp_path / "data", *(sample(name, patient=patient) for name, patient in names))
    EXPORTS.get("class-folders")(Dataset.open(tmp_path / "data"), tmp_path / "out", SILENT)
    groups = [item.group_id for item in Dataset.open(tmp_path / "out").samples]
    assert len(groups) == 4
    assert len(set(groups)) == 3
