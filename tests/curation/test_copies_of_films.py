"""What a compile does about edited near-duplicates: grouped, or reported where the composition is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from covidcxr.core.recipe import Recipe
from covidcxr.curation import image_store, near_duplicates
from covidcxr.curation.compile import compile_dataset
from covidcxr.curation.duplicates import Confirmation, find
from covidcxr.curation.leak_file import read_leaks
from covidcxr.curation.leaks import LeakReport
from covidcxr.dataset import Dataset
from miniature import Counting, recipe

NORMAL = "chest-xray-pneumonia/train/NORMAL"
PNEUMONIA = "chest-xray-pneumonia/train/PNEUMONIA"


@pytest.fixture(autouse=True)
def _own_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVIDCXR_CACHE", str(tmp_path / "cache"))


def film(path: Path, seed: int = 7) -> Image.Image:
    """Make the image at ``path`` one with the fine structure that an image has, and return it."""
    with Image.open(path) as phantom:
        coarse = np.asarray(phantom.convert("L").resize((400, 400)), np.float32)
    noise = Image.fromarray(np.random.default_rng(seed).integers(0, 255, (80, 80), dtype=np.uint8))
    pixels = 0.7 * coarse + 0.3 * np.asarray(noise.resize((400, 400), Image.Resampling.BICUBIC), np.float32)
    image = Image.fromarray(np.rint(pixels).clip(0, 255).astype(np.uint8))
    image.save(path, quality=95)
    return image


def brighten(image: Image.Image) -> Image.Image:
    return image.point([min(255, level + 12) for level in range(256)])


def plant(sources: Path, first: str, second: str) -> None:
    """Make ``second`` an edited copy of the image ``first``."""
    brighten(film(sources / first)).save(sources / second, quality=80)


def asked(mode: str, **dataset: object) -> Recipe:
    return recipe(near_duplicates=mode, longest_side=256, **dataset)


def leaks_of(dataset: Dataset) -> LeakReport:
    report = read_leaks(dataset.root / "leaks.json")
    assert report is not None
    return report


def names(dataset: Dataset) -> dict[str, str]:
    """Return file name to split or rule."""
    places = {item.path.rpartition("/")[2]: item.rule for item in dataset.manifest.exclusions}
    return places | {item.record.path.name: item.split for item in dataset.samples}


def test_a_copy_under_another_label_is_left_out_or_only_reported(sources: Path, tmp_path: Path) -> None:
    plant(sources, f"{NORMAL}/IM-0100-0001.jpeg", f"{PNEUMONIA}/person1_bacteria_1.jpeg")
    grouped = compile_dataset(asked("group"), tmp_path / "group", sources=sources, workers=1)
    assert {names(grouped)[name] for name in ("IM-0100-0001.jpeg", "person1_bacteria_1.jpeg")} == {"conflicting-label"}
    (left_out,) = leaks_of(grouped).copies.conflicting
    assert (left_out.place_a, left_out.place_b, left_out.told_by) == (
        "conflicting-label",
        "conflicting-label",
        "search",
    )
    assert "both are left out" in (grouped.root / "near-duplicates.html").read_text()

    off = compile_dataset(asked("off"), tmp_path / "off", sources=sources, workers=1)
    reported = compile_dataset(asked("report"), tmp_path / "report", sources=sources, workers=1)
    assert reported.digest == off.digest != grouped.digest
    (kept,) = leaks_of(reported).copies.kept_conflicts
    assert (kept.label_a, kept.label_b) == ("Normal", "Pneumonia")
    assert "IM-0100-0001.jpeg (train, Normal)" in " ".join(leaks_of(reported).sentences)
    assert "both are in the dataset" in (reported.root / "near-duplicates.html").read_text()
    assert leaks_of(off).copies.conflicting == ()


def test_a_copy_in_two_splits_is_reported_and_the_datasheet_claims_no_more_than_was_searched(
    sources: Path, tmp_path: Path
) -> None:
    (test,) = sorted((sources / "chest-xray-pneumonia/test/NORMAL").iterdir())[:1]
    plant(sources, f"{NORMAL}/IM-0100-0001.jpeg", test.relative_to(sources).as_posix())
    sheets = {}
    for mode in ("off", "report", "group"):
        dataset = compile_dataset(asked(mode), tmp_path / mode, sources=sources, workers=1)
        sheets[mode] = (dataset.root / "DATASHEET.md").read_text()
        assert len(leaks_of(dataset).copies.crossing) == (mode == "report")
        assert names(dataset)["IM-0100-0001.jpeg"] == ("crosses-split" if mode == "group" else "train")
    assert "equal bytes or pixels, is in two splits. Edited copies were not searched for." in sheets["off"]
    assert "perceptual hash only; in two splits: 1 pair." in sheets["report"]
    assert (
        "No patient, and no group of near-duplicates of an image that were found, is in two splits." in sheets["group"]
    )


def test_a_conflict_counts_though_another_rule_left_the_copy_out_or_the_recipe_does_not_take_it(
    sources: Path, tmp_path: Path
) -> None:
    plant(sources, f"{NORMAL}/IM-0100-0001.jpeg", f"{PNEUMONIA}/person1_bacteria_1.jpeg")
    take = {"chest-xray-pneumonia": ["Pneumonia"], "actualmed": ["COVID-19", "Normal"]}
    dataset = compile_dataset(asked("group", take=take), tmp_path / "data", sources=sources, workers=1)
    assert names(dataset)["IM-0100-0001.jpeg"] == "not-taken"
    assert names(dataset)["person1_bacteria_1.jpeg"] == "conflicting-label"


def test_a_copy_of_the_same_class_that_the_recipe_does_not_take_is_no_conflict(sources: Path, tmp_path: Path) -> None:
    (covid,) = sorted((sources / "Actualmed-COVID-chestxray-dataset/images").iterdir())[:1]
    (sources / "csv").mkdir()
    (sources / "csv/labels.csv").write_text(f"path,label\n{covid.name},COVID-19\n")
    (sources / "csv" / covid.name).write_bytes(covid.read_bytes())
    take = {"csv": ["COVID-19"], "actualmed": ["Normal"], "chest-xray-pneumonia": ["Normal", "Pneumonia"]}
    dataset = compile_dataset(recipe(take=take), tmp_path / "data", sources=sources, workers=1)
    assert [item.record.source for item in dataset.samples if item.label == "COVID-19"] == ["csv"]


def test_a_conflict_of_equal_bytes_is_shown_though_nothing_was_searched(sources: Path, tmp_path: Path) -> None:
    first, second = sources / NORMAL / "IM-0100-0001.jpeg", sources / PNEUMONIA / "person1_bacteria_1.jpeg"
    second.write_bytes(first.read_bytes())
    dataset = compile_dataset(asked("off"), tmp_path / "data", sources=sources, workers=1)
    page = (dataset.root / "near-duplicates.html").read_text()
    assert page.count("<figure>") == 2
    assert "equal bytes" in page
    assert "two labels: both are left out" in page


class Counted:
    """Calls a function and counts how often."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.function, self.number = function, 0

    def __call__(self, *arguments: object, **named: object) -> object:
        self.number += 1
        return self.function(*arguments, **named)


@pytest.mark.parametrize("mode", ["group", "report"])
def test_one_new_image_is_one_image_of_work_with_the_search_on(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counting: Counting, mode: str
) -> None:
    plant(sources, f"{NORMAL}/IM-0100-0001.jpeg", f"{PNEUMONIA}/person1_bacteria_1.jpeg")
    compile_dataset(asked(mode), tmp_path / "data", sources=sources, workers=1)
    measured, compared = Counted(near_duplicates.compute_features), Counted(find.confirm)
    monkeypatch.setattr(near_duplicates, "compute_features", measured)
    monkeypatch.setattr(find, "confirm", compared)
    counting.done.clear()
    third = sources / PNEUMONIA / "person99_virus_9.jpeg"
    with Image.open(sources / NORMAL / "IM-0100-0001.jpeg") as image:
        brighten(brighten(image.convert("L"))).save(third, quality=70)
    again = compile_dataset(asked(mode), tmp_path / "data", sources=sources, workers=1)
    assert [name.rpartition("/")[2].rpartition(":")[2] for name in counting.done] == [third.name]
    assert measured.number == 1
    pairs = json.loads((again.root / "near-duplicates.json").read_text())
    assert 1 <= compared.number < pairs["num_candidates"]
    assert third.name in {pair["id_b"].rpartition(":")[2].rpartition("/")[2] for pair in pairs["pairs"]}


def test_scores_do_not_depend_on_what_was_compiled_before(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(sources, f"{NORMAL}/IM-0100-0001.jpeg", f"{NORMAL}/IM-0102-0001.jpeg")
    documents = []
    for number, earlier in enumerate(([], ["off"])):
        out = tmp_path / f"data{number}"
        monkeypatch.setenv("COVIDCXR_CACHE", str(tmp_path / f"cache{number}"))
        for mode in earlier:
            compile_dataset(recipe(near_duplicates=mode, longest_side=200), out, sources=sources, workers=1)
        dataset = compile_dataset(
            recipe(near_duplicates="group", longest_side=200), out, sources=sources, workers=1 + number
        )
        documents.append((dataset.root / "near-duplicates.json").read_text())
    assert documents[0] == documents[1]
    assert json.loads(documents[0])["pairs"]


def test_a_report_compares_only_pairs_that_would_matter(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(sources, f"{NORMAL}/IM-0100-0001.jpeg", f"{NORMAL}/IM-0102-0001.jpeg")
    compared: list[Confirmation] = []
    known = find.confirm
    monkeypatch.setattr(find, "confirm", lambda *a, **k: compared.append(known(*a, **k)) or compared[-1])
    dataset = compile_dataset(asked("report"), tmp_path / "data", sources=sources, workers=1)
    assert all(item.score < 0.93 for item in compared)  # the planted pair is of one label and one split
    assert leaks_of(dataset).copies.crossing == ()


def test_training_keys_do_not_publish_a_dataset_again_and_dataset_keys_do(sources: Path, tmp_path: Path) -> None:
    first = asked("off")
    dataset = compile_dataset(first, tmp_path / "data", sources=sources, workers=1)
    inode = dataset.root.stat().st_ino
    other = first.model_dump(mode="json")
    other["training"]["epochs"] = 99
    other["calibration"]["coverage"] = 0.5
    compile_dataset(Recipe.model_validate(other), tmp_path / "data", sources=sources, workers=1)
    assert dataset.root.stat().st_ino == inode
    changed = compile_dataset(asked("report"), tmp_path / "data", sources=sources, workers=1)
    assert changed.root.stat().st_ino != inode


def test_workers_are_not_forked_beside_threads_of_opencv(phantoms: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    seen: list[int] = []

    class Pool:
        def __init__(self, *_: object, **__: object) -> None: ...

        def map(self, *_: object, **__: object) -> list[object]:
            seen.append(cv2.getNumThreads())
            return []

        def shutdown(self, **_: object) -> None: ...

    monkeypatch.setattr(image_store, "ProcessPoolExecutor", Pool)
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        assert list(image_store.run_jobs([None] * 100, 2)) == []  # type: ignore[list-item]
        assert (seen, cv2.getNumThreads()) == ([1], 2)
    finally:
        cv2.setNumThreads(before)
