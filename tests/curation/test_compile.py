from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from covidcxr.core.errors import DatasetError, MissingExtraError, OutputError, SourceError
from covidcxr.curation import compile as compiler
from covidcxr.curation import image_store, near_duplicates
from covidcxr.curation.compile import compile_dataset
from covidcxr.curation.image_work import ImageFacts, ImageJob
from covidcxr.dataset import Dataset, manifest
from miniature import Counting, csv_source, recipe


def test_every_image_is_in_the_manifest_or_in_the_exclusions(compiled: Dataset, phantoms: Path) -> None:
    dataset = compiled
    assert dataset.verify() == ()
    not_taken = ("nih", "siim", "Radiography")
    folders = [
        path for path in phantoms.iterdir() if path.is_dir() and not any(name in path.name for name in not_taken)
    ]
    suffixes = {".png", ".jpg", ".jpeg"}
    num_files = sum(path.suffix in suffixes for folder in folders for path in folder.rglob("*"))
    no_image = Counter(item.rule for item in dataset.manifest.exclusions)["no-file"]
    assert len(dataset.samples) + len(dataset.manifest.exclusions) - no_image == num_files


def test_counts_and_rules_are_those_of_the_phantoms(compiled: Dataset) -> None:
    dataset = compiled
    assert Counter((item.label, item.split) for item in dataset.samples) == {
        ("COVID-19", "train"): 12,
        ("COVID-19", "test"): 3,
        ("Normal", "train"): 6,
        ("Normal", "test"): 2,
        ("Pneumonia", "train"): 6,
        ("Pneumonia", "test"): 2,
    }
    rules = Counter(item.rule for item in dataset.manifest.exclusions)
    assert (rules["ct"], rules["lateral"], rules["no-metadata"], rules["no-file"]) == (2, 1, 1, 2)
    groups: dict[str, set[str]] = {}
    for item in dataset.samples:
        groups.setdefault(item.group_id, set()).add(item.split)
    assert all(len(splits) == 1 for splits in groups.values())


def test_images_are_gray_eight_bit_jpegs_of_limited_size(compiled: Dataset) -> None:
    dataset = compiled
    for item in dataset.samples:
        with Image.open(dataset.image_path(item)) as image:
            assert (image.format, image.mode) == ("JPEG", "L")
            assert max(image.size) == 48
            assert image.size[0] / image.size[1] == pytest.approx(item.columns / item.rows, rel=0.05)


def test_worker_processes_do_not_change_the_result(phantoms: Path, tmp_path: Path) -> None:
    alone = compile_dataset(recipe(), tmp_path / "alone", sources=phantoms, workers=1)
    shared = compile_dataset(recipe(), tmp_path / "shared", sources=phantoms, workers=2)
    assert alone.digest == shared.digest
    names = ["manifest.csv", "exclusions.csv", "SHA256SUMS", "DATASHEET.md", "contact-sheet.png"]
    assert all((alone.root / name).read_bytes() == (shared.root / name).read_bytes() for name in names)


def test_the_place_of_the_sources_does_not_change_the_digest(phantoms: Path, sources: Path, tmp_path: Path) -> None:
    for path in sources.rglob("*"):
        os.utime(path, (1, 1))
    here = compile_dataset(recipe(), tmp_path / "here", sources=phantoms, workers=1)
    there = compile_dataset(recipe(), tmp_path / "there", sources=sources, workers=1)
    assert here.digest == there.digest


def test_a_second_run_does_no_image_work_and_leaves_the_files_alone(
    phantoms: Path, tmp_path: Path, counting: Counting
) -> None:
    first = compile_dataset(recipe(), tmp_path / "data", sources=phantoms, workers=1)
    counting.limit, inode = 0, first.root.stat().st_ino
    again = compile_dataset(recipe(), tmp_path / "data", sources=phantoms, workers=1)
    assert again.digest == first.digest
    assert again.root.stat().st_ino == inode


def test_one_new_image_is_one_image_of_work(sources: Path, tmp_path: Path, counting: Counting) -> None:
    first = compile_dataset(recipe(), tmp_path / "data", sources=sources, workers=1)
    counting.done.clear()
    new = sources / "chest-xray-pneumonia/train/NORMAL/IM-0999-0001.jpeg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60), dtype=np.uint8)).save(new)
    again = compile_dataset(recipe(), tmp_path / "data", sources=sources, workers=1)
    assert [record_id.rpartition("/")[2].rpartition(":")[2] for record_id in counting.done] == ["IM-0999-0001.jpeg"]
    assert len(again.samples) == len(first.samples) + 1
    assert again.verify() == ()


def test_a_new_split_uses_the_images_again(phantoms: Path, tmp_path: Path, counting: Counting) -> None:
    compile_dataset(recipe(), tmp_path / "data", sources=phantoms, workers=1)
    counting.limit = 0
    again = compile_dataset(
        recipe(split={"strategy": "random-by-patient"}), tmp_path / "data", sources=phantoms, workers=1
    )
    assert again.verify() == ()


def test_an_altered_image_is_made_again(phantoms: Path, tmp_path: Path, counting: Counting) -> None:
    first = compile_dataset(recipe(), tmp_path / "data", sources=phantoms, workers=1)
    first.image_path(first.samples[0]).write_bytes(b"altered")
    counting.done.clear()
    again = compile_dataset(recipe(), tmp_path / "data", sources=phantoms, workers=1)
    assert counting.done == [first.samples[0].record.record_id]
    assert again.verify() == ()


def test_every_side_file_is_verified_and_made_again(phantoms: Path, tmp_path: Path) -> None:
    first = compile_dataset(recipe(archive=True), tmp_path / "data", sources=phantoms, workers=1)
    listed = json.loads((first.root / "dataset.json").read_text())["files"]
    assert listed.keys() == {path.name for path in first.root.iterdir() if path.is_file()} - {"dataset.json"}
    (first.root / "croissant.json").unlink()
    assert [problem.path for problem in first.verify()] == ["croissant.json"]
    again = compile_dataset(recipe(archive=True), tmp_path / "data", sources=phantoms, workers=1)
    assert again.verify() == ()


def test_a_dataset_without_the_newer_columns_is_made_again(
    phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        columns = [column for column in manifest.MANIFEST_COLUMNS if column != "sex_verbatim"]
        earlier.setattr(manifest, "MANIFEST_COLUMNS", tuple(columns))
        first = compile_dataset(recipe(), tmp_path / "data", sources=phantoms, workers=1)
    again = compile_dataset(recipe(), tmp_path / "data", sources=phantoms, workers=1)
    assert again.digest == first.digest
    assert "sex_verbatim" in (again.root / "manifest.csv").read_text().partition("\n")[0]


def test_an_interrupted_compile_leaves_nothing_half_and_goes_on_later(
    phantoms: Path, tmp_path: Path, counting: Counting
) -> None:
    counting.limit = 10
    with pytest.raises(KeyboardInterrupt):
        compile_dataset(recipe(), tmp_path / "data", sources=phantoms, workers=1)
    assert not (tmp_path / "data").exists()
    done = list(counting.done)
    counting.limit = 1 << 30
    dataset = compile_dataset(recipe(), tmp_path / "data", sources=phantoms, workers=1)
    assert counting.done[:10] == done
    assert len(counting.done) == len(set(counting.done))
    assert dataset.verify() == ()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_an_interrupt_keeps_the_dataset_that_was_there(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = compile_dataset(recipe(), tmp_path / "data", sources=sources, workers=1)

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(compiler, "publish", interrupt)
    with pytest.raises(KeyboardInterrupt):
        compile_dataset(recipe(seed=5), tmp_path / "data", sources=sources, workers=1)
    assert Dataset.open(tmp_path / "data").digest == first.digest
    assert first.verify() == ()


def test_a_folder_that_a_killed_compile_left_is_gone_after_the_next(phantoms: Path, tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    compile_dataset(recipe(), tmp_path / "data", sources=phantoms, workers=1)
    (tmp_path / f".data.partial-{process.pid}" / "images").mkdir(parents=True)
    compile_dataset(recipe(), tmp_path / "data", sources=phantoms, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_cut_line_in_the_kept_work_is_worked_on_again(phantoms: Path, tmp_path: Path, counting: Counting) -> None:
    counting.limit = 10
    with pytest.raises(KeyboardInterrupt):
        compile_dataset(recipe(), tmp_path / "data", sources=phantoms, workers=1)
    log = tmp_path / ".data.work" / "image-facts.jsonl"
    log.write_bytes(log.read_bytes()[:-30])
    counting.limit = 1 << 30
    assert compile_dataset(recipe(), tmp_path / "data", sources=phantoms, workers=1).verify() == ()
    assert len(counting.done) == len(set(counting.done)) + 1


def test_other_conversion_settings_are_other_work(phantoms: Path, tmp_path: Path, counting: Counting) -> None:
    first = compile_dataset(recipe(), tmp_path / "data", sources=phantoms, workers=1)
    num_images = len(counting.done)
    again = compile_dataset(recipe(longest_side=32), tmp_path / "data", sources=phantoms, workers=1)
    assert len(counting.done) == 2 * num_images
    assert first.digest != again.digest


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"not an image at all, but words", "text"), (None, "truncated")],
    ids=["0 bytes", "text", "cut"],
)
def test_a_bad_file_is_left_out_with_its_reason(
    sources: Path, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    bad = sources / "chest-xray-pneumonia/train/NORMAL/IM-0100-0001.jpeg"
    bad.write_bytes(bad.read_bytes()[:400] if content is None else content)
    dataset = compile_dataset(recipe(), tmp_path / "data", sources=sources, workers=1)
    (found,) = [item for item in dataset.manifest.exclusions if item.rule == "undecodable"]
    assert found.path == "train/NORMAL/IM-0100-0001.jpeg"
    assert found.detail.startswith(f"{reason}: train/NORMAL/IM-0100-0001.jpeg: ")


def test_a_copied_file_is_left_out_and_a_copy_under_another_label_takes_both_out(sources: Path, tmp_path: Path) -> None:
    normal = sources / "chest-xray-pneumonia/train/NORMAL"
    shutil.copy(normal / "IM-0100-0001.jpeg", normal / "IM-0998-0001.jpeg")
    shutil.copy(normal / "IM-0102-0001.jpeg", sources / "chest-xray-pneumonia/train/PNEUMONIA/person77_virus_1.jpeg")
    dataset = compile_dataset(recipe(), tmp_path / "data", sources=sources, workers=1)
    found = {item.path.rpartition("/")[2]: item.rule for item in dataset.manifest.exclusions}
    assert found["IM-0998-0001.jpeg"] == "duplicate-file"
    assert found["IM-0102-0001.jpeg"] == found["person77_virus_1.jpeg"] == "conflicting-label"


def test_labels_of_a_recipe_are_matched_without_case_or_punctuation(tmp_path: Path) -> None:
    images = csv_source(tmp_path / "sources", COVID19=4, normal=4)
    taken = {"csv": ["covid 19", "NORMAL"]}
    asked = recipe(classes=["Covid", "Normal"], take=taken, split={"test_images": {"COVID-19": 1}})
    dataset = compile_dataset(asked, tmp_path / "data", sources=images, workers=1)
    assert Counter((item.label, item.split) for item in dataset.samples) == {
        ("Covid", "train"): 3,
        ("Covid", "test"): 1,
        ("Normal", "train"): 3,
        ("Normal", "test"): 1,
    }


def test_what_the_reader_doubted_is_told_by_notes_and_datasheet(tmp_path: Path) -> None:
    images = csv_source(tmp_path / "sources", COVID19=4, normal=4)
    for number in range(2):
        path = images / "csv" / f"COVID19{number}.png"
        with Image.open(path) as image:
            twelve = np.asarray(image).astype(np.uint16) * 16
        Image.fromarray(twelve).save(path)
    asked = recipe(classes=["COVID-19", "Normal"], take={"csv": ["COVID-19", "Normal"]})
    dataset = compile_dataset(asked, tmp_path / "data", sources=images, workers=1)
    words = "2 images were read with a warning (gray-values): 2 x no window or range is stated: 16 bits are stated"
    assert any(words in note for note in manifest.read_dataset_file(dataset.root).details["notes"])
    assert words in (dataset.root / "DATASHEET.md").read_text(encoding="utf-8")
    with Image.open(dataset.image_path(dataset.samples[0])) as stored:
        assert np.asarray(stored).max() > 200


def test_a_class_without_an_image_is_an_error_with_a_list(tmp_path: Path) -> None:
    images = csv_source(tmp_path / "sources", COVID19=2, normal=1)
    (images / "csv" / "normal0.png").write_bytes(b"")
    asked = recipe(classes=["COVID-19", "Normal"], take={"csv": ["COVID-19", "Normal"]})
    words = r"no image of class 'Normal' is left of 1 \(left out: undecodable 1 \(empty 1\)\); get the files again"
    with pytest.raises(DatasetError, match=words):
        compile_dataset(asked, tmp_path / "data", sources=images, workers=1)
    assert not (tmp_path / "data").exists()


def test_unreadable_files_are_one_summary_and_a_full_list(tmp_path: Path) -> None:
    images = csv_source(tmp_path / "sources", COVID19=5, normal=4)
    for number, path in enumerate(sorted(images.rglob("*.png"))):
        path.write_bytes(b"" if number < 3 else b"words, no image")
    asked = recipe(classes=["COVID-19", "Normal"], take={"csv": ["COVID-19", "Normal"]})
    words = r"no image is left of 9 \(left out: undecodable 9 \(text 6, empty 3\)\); get the files again"
    with pytest.raises(DatasetError, match=words) as caught:
        compile_dataset(asked, tmp_path / "data", sources=images, workers=1)
    listing = Path(str(caught.value).rpartition(" is in ")[2])
    with listing.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["record_id"] for row in rows[:2]] == ["csv:COVID190.png", "csv:COVID191.png"]
    assert Counter(row["rule"] for row in rows) == {"undecodable": 9}


def test_a_split_without_images_is_warned_of(tmp_path: Path) -> None:
    images = csv_source(tmp_path / "sources", COVID19=2, normal=2, split="holdout")
    asked = recipe(
        classes=["COVID-19", "Normal"],
        take={"csv": ["COVID-19", "Normal"]},
        split={"strategy": "random-by-patient", "test_fraction": 1.0},
    )
    dataset = compile_dataset(asked, tmp_path / "data", sources=images, workers=1)
    notes = json.loads((dataset.root / "dataset.json").read_text())["details"]["notes"]
    assert notes[0] == "WARNING: no image is in train: nothing can be trained on this dataset alone."
    assert any("'holdout' (4)" in note for note in notes)


def test_a_missing_source_is_named_with_the_next_step(sources: Path, tmp_path: Path) -> None:
    shutil.rmtree(sources / "Figure1-COVID-chestxray-dataset")
    with pytest.raises(SourceError, match=r"no folder of source 'figure1'.*sources fetch figure1"):
        compile_dataset(recipe(), tmp_path / "data", sources=sources, workers=1)


def test_without_any_source_the_command_to_fetch_the_recipes_own_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("COVIDCXR_SOURCES", raising=False)
    asked = recipe(take={"figure1": ["COVID-19"], "chest-xray-pneumonia": ["Normal", "Pneumonia"]})
    with pytest.raises(SourceError, match=r"fetch them with: covidcxr sources fetch figure1 chest-xray-pneumonia$"):
        compile_dataset(asked, tmp_path / "data")


def test_a_source_that_was_renamed_inside_says_what_is_there(sources: Path, tmp_path: Path) -> None:
    folder = sources / "Figure1-COVID-chestxray-dataset"
    (folder / "images").rename(folder / "pictures")
    with pytest.raises(SourceError, match=r"found metadata\.csv, pictures/; expected metadata\.csv beside images/"):
        compile_dataset(recipe(), tmp_path / "data", sources=sources, workers=1)


def test_a_folder_that_holds_something_else_is_not_replaced(phantoms: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="holds files, but no compiled dataset"):
        compile_dataset(recipe(), tmp_path / "data", sources=phantoms, workers=1)
    assert (tmp_path / "data" / "thesis.txt").read_text() == "years of work"


def test_a_full_disk_is_one_clear_error_and_no_dataset(
    phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(job: ImageJob) -> ImageFacts:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(image_store, "do_image_work", full)
    with pytest.raises(OutputError, match="the disk is full"):
        compile_dataset(recipe(), tmp_path / "data", sources=phantoms, workers=1)
    assert not (tmp_path / "data").exists()


def test_a_cropped_and_brightened_copy_joins_two_patients_and_is_shown(sources: Path, tmp_path: Path) -> None:
    pneumonia = sources / "chest-xray-pneumonia/train/PNEUMONIA"
    first = pneumonia / "person1_bacteria_1.jpeg"
    with Image.open(first) as image:
        film = image.resize((600, round(600 * image.height / image.width)))
    film.save(first, quality=95)
    film.crop((30, 30, film.width - 30, film.height - 30)).point([min(255, level + 20) for level in range(256)]).save(
        pneumonia / "person88_virus_9.jpeg", quality=60
    )
    asked = recipe(near_duplicates=True, longest_side=512)
    dataset = compile_dataset(asked, tmp_path / "data", sources=sources, workers=1)
    groups = {item.record.record_id.rpartition("/")[2].rpartition(":")[2]: item.group_id for item in dataset.samples}
    assert groups["person88_virus_9.jpeg"] == groups["person1_bacteria_1.jpeg"]
    pairs = json.loads((dataset.root / "near-duplicates.json").read_text())["pairs"]
    assert ["person1_bacteria_1.jpeg", "person88_virus_9.jpeg"] in [
        [pair[end].rpartition(":")[2].rpartition("/")[2] for end in ("id_a", "id_b")] for pair in pairs
    ]
    page = (dataset.root / "near-duplicates.html").read_text()
    assert "person88_virus_9" in page
    assert "http" not in page


def test_a_search_for_copies_is_not_done_twice(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compile_dataset(recipe(near_duplicates=True), tmp_path / "data", sources=sources, workers=1)

    def again(*_: object, **__: object) -> None:
        raise AssertionError("searched again")

    monkeypatch.setattr(near_duplicates, "find_duplicates", again)
    second = compile_dataset(recipe(near_duplicates=True), tmp_path / "data", sources=sources, workers=1)
    assert second.digest == first.digest


def test_a_rule_that_looks_at_the_picture_is_work_once(phantoms: Path, tmp_path: Path, counting: Counting) -> None:
    compile_dataset(recipe(), tmp_path / "data", sources=phantoms, workers=1)
    num_images = len(counting.done)
    asked = recipe(rules=["undecodable", "unlabelled", "ct", "lateral", "near-empty"])
    compile_dataset(asked, tmp_path / "data", sources=phantoms, workers=1)
    assert len(counting.done) == 2 * num_images
    compile_dataset(asked, tmp_path / "data", sources=phantoms, workers=1)
    assert len(counting.done) == 2 * num_images


def test_a_blank_film_is_near_empty(sources: Path, tmp_path: Path) -> None:
    blank = sources / "chest-xray-pneumonia/train/NORMAL/IM-0997-0001.jpeg"
    Image.new("L", (200, 200), 90).save(blank)
    asked = recipe(
        classes=["Normal", "Pneumonia"], rules=["near-empty"], take={"chest-xray-pneumonia": ["Normal", "Pneumonia"]}
    )
    dataset = compile_dataset(asked, tmp_path / "data", sources=sources, workers=1)
    assert [(item.path, item.rule) for item in dataset.manifest.exclusions] == [
        ("train/NORMAL/IM-0997-0001.jpeg", "near-empty")
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")  # Ray's
def test_a_ray_cluster_gives_the_same_bytes(compiled: Dataset, phantoms: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the ray extra is not installed")
    there = compile_dataset(recipe(), tmp_path / "data", sources=phantoms, engine="ray")
    assert there.digest == compiled.digest
    assert (there.root / "SHA256SUMS").read_bytes() == (compiled.root / "SHA256SUMS").read_bytes()


def test_without_ray_the_extra_is_named(phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'covidcxr\[ray\]'"):
        compile_dataset(recipe(), tmp_path / "data", sources=phantoms, engine="ray")
    assert not (tmp_path / "data").exists()
