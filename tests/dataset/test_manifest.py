from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from covidcxr.core.errors import DatasetError
from covidcxr.core.types import Box, Exclusion, Record, View
from covidcxr.dataset.manifest import make_manifest, read_dataset_file, read_manifest, write_manifest
from covidcxr.dataset.statistics import class_meanings
from covidcxr.dataset.tables import age_group, parse_sample, sample_row
from dataset_builders import manifest, sample


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = manifest(sample("b.png", patient="17"), sample("a.png", label="Normal", split="test"))
    write_manifest(tmp_path, written)
    assert read_manifest(tmp_path) == written


def test_samples_are_sorted_by_record_id() -> None:
    found = manifest(sample("b.png"), sample("a.png"))
    assert [item.record.record_id for item in found.samples] == ["cohen:a.png", "cohen:b.png"]


def test_a_sample_of_unknown_everything_survives_the_table() -> None:
    bare = replace(sample("a.png"), record=Record(record_id="cohen:a.png", source="cohen", path=Path("a.png")))
    assert parse_sample(sample_row(bare)) == bare


def test_the_verbatim_words_of_sex_and_offset_are_kept_and_are_no_part_of_the_digest(tmp_path: Path) -> None:
    one = sample("a.png")
    worded = replace(one, record=replace(one.record, sex_verbatim="female?", offset_verbatim="38+"))
    written = manifest(worded)
    write_manifest(tmp_path, written)
    assert read_manifest(tmp_path) == written
    assert sample_row(worded)["offset_verbatim"] == "38+"
    assert written.digest == manifest(one).digest


def test_boxes_are_a_table_of_their_own_and_part_of_the_digest(tmp_path: Path) -> None:
    one, other = sample("a.png"), sample("b.png")
    boxes = (
        Box(label="opacity", left=0.1, top=0.2, width=0.25, height=0.5),
        Box(label="opacity", left=0.6, top=0.2, width=0.125, height=0.3),
    )
    boxed = manifest(replace(one, record=replace(one.record, boxes=boxes)), other)
    write_manifest(tmp_path, boxed)
    assert read_manifest(tmp_path) == boxed
    assert "boxes.csv" in read_dataset_file(tmp_path).files
    assert boxed.digest != manifest(one, other).digest


def test_without_boxes_there_is_no_table_of_them(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest(sample("a.png")))
    assert not (tmp_path / "boxes.csv").exists()


def test_the_table_says_what_kind_of_label_a_source_states(tmp_path: Path) -> None:
    one = sample("a.png")
    typical = replace(one, record=replace(one.record, label="Typical Appearance"))
    assert [sample_row(item)["label_kind"] for item in (one, typical)] == ["diagnosis", "appearance"]
    assert class_meanings([one, typical], (one.label, "Normal")) == {one.label: "both", "Normal": "diagnosis"}
    assert class_meanings([typical], (one.label,)) == {one.label: "appearance"}


def test_a_row_written_before_the_verbatim_columns_is_read() -> None:
    one = sample("a.png")
    row = {
        column: text for column, text in sample_row(one).items() if column not in {"sex_verbatim", "offset_verbatim"}
    }
    assert parse_sample(row) == one


def test_the_table_has_the_columns_other_programs_rely_on(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest(sample("a.png", patient="17")))
    with (tmp_path / "manifest.csv").open(newline="") as stream:
        row = next(csv.DictReader(stream))
    expected = {
        "record_id": "cohen:a.png",
        "source": "cohen",
        "path": "images/train/COVID-19/cohen__a.png.jpg",
        "patient_id": "cohen:17",
        "group_id": "cohen:17",
        "split": "train",
        "label": "COVID-19",
        "view": "PA",
        "sex": "F",
        "age_years": "64.5",
        "age_group": "adult",
        "licence": "",
        "sha256": "0" * 64,
        "phash": "00ff00ff00ff00ff",
    }
    assert {column: row[column] for column in expected} == expected


def test_the_digest_does_not_depend_on_the_order_samples_arrive_in() -> None:
    assert manifest(sample("a.png"), sample("b.png")).digest == manifest(sample("b.png"), sample("a.png")).digest


def test_the_digest_changes_with_split_label_class_order_and_conversion() -> None:
    one = sample("a.png")
    common = {"seed": 1, "source_versions": {"cohen": "1"}}
    digests = {
        make_manifest([one], [], classes=("COVID-19", "Normal"), **common).digest,
        make_manifest([one], [], classes=("Normal", "COVID-19"), **common).digest,
        make_manifest([replace(one, split="test")], [], classes=("COVID-19", "Normal"), **common).digest,
        make_manifest([replace(one, label="Normal")], [], classes=("COVID-19", "Normal"), **common).digest,
        make_manifest([one], [], classes=("COVID-19", "Normal"), conversion={"longest_side": 64}, **common).digest,
    }
    assert len(digests) == 5


def test_the_digest_leaves_out_the_perceptual_hash() -> None:
    one = sample("a.png")
    assert manifest(one).digest == manifest(replace(one, phash="ffffffffffffffff")).digest


def test_the_digest_leaves_out_measured_scores_and_nothing_else_of_an_exclusion(tmp_path: Path) -> None:
    def digest(detail: str, rule: str, measured: tuple[str, ...]) -> str:
        left_out = Exclusion(record_id="cohen:x.png", source="cohen", path="x.png", rule=rule, detail=detail)
        made = make_manifest(
            [sample("a.png")],
            [left_out],
            classes=("COVID-19", "Normal"),
            seed=1,
            source_versions={},
            measured_rules=measured,
        )
        write_manifest(tmp_path, made)
        assert read_manifest(tmp_path) == made
        return made.digest

    looks = ("looks-ct",)
    assert digest("with 0.91", "looks-ct", looks) == digest("with 0.92", "looks-ct", looks)
    assert digest("with 0.91", "looks-ct", looks) != digest("with 0.91", "looks-lateral", ("looks-lateral",))
    assert digest("view L", "lateral", looks) != digest("view X", "lateral", looks)


def test_an_absolute_source_path_is_refused() -> None:
    one = sample("a.png")
    with pytest.raises(DatasetError, match=r"cohen:a.png.*absolute"):
        manifest(replace(one, record=replace(one.record, path=Path("/home/me/a.png"))))


def test_a_record_twice_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"cohen:a.png.*twice"):
        manifest(sample("a.png"), sample("a.png", split="test"))


def test_dataset_json_counts_images_and_exclusions(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest(sample("a.png"), sample("b.png", split="test")), recipe={"name": "mine"})
    info = read_dataset_file(tmp_path)
    assert info.counts == {"train": {"COVID-19": 1, "Normal": 0}, "test": {"COVID-19": 1, "Normal": 0}}
    assert info.excluded == {"ct": 1}
    assert info.recipe == {"name": "mine"}
    assert "not a diagnosis" in info.notice


def test_a_synthetic_dataset_says_so(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest(sample("a.png"), synthetic=True))
    assert read_dataset_file(tmp_path).notice.startswith("SYNTHETIC DATA")
    assert read_manifest(tmp_path).synthetic


def test_an_altered_table_is_refused(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest(sample("a.png")))
    table = tmp_path / "manifest.csv"
    table.write_text(table.read_text().replace("64.5", "12"))
    with pytest.raises(DatasetError, match=r"manifest\.csv.*SHA-256 differs"):
        read_manifest(tmp_path)


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest(sample("a.png")))
    (tmp_path / "exclusions.csv").unlink()
    with pytest.raises(DatasetError, match=r"exclusions\.csv.*No such file"):
        read_manifest(tmp_path)


def test_damaged_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text('{"digest": ')
    with pytest.raises(DatasetError, match=r"dataset\.json: damaged"):
        read_dataset_file(tmp_path)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest(sample("a.png")))
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 99}))
    with pytest.raises(DatasetError, match=r"format 99.*upgrade"):
        read_dataset_file(tmp_path)


@pytest.mark.parametrize(("age", "group"), [(17.9, "paediatric"), (18.0, "adult"), (None, "")])
def test_adults_begin_at_eighteen(age: float | None, group: str) -> None:
    record = Record(record_id="cohen:a", source="cohen", path=Path("a"), view=View.PA, age_years=age)
    assert age_group(record) == group
