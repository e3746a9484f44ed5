from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from covidcxr.core.types import Manifest, Record, Sample
from covidcxr.curation.copy_report import CopyPair, CopyReport
from covidcxr.curation.image_work import ImageFacts, nuisance_numbers
from covidcxr.curation.leak_file import read_leaks, write_leaks
from covidcxr.curation.leaks import Leak, LeakReport, find_leaks, out_of_fold
from covidcxr.dataset.manifest import make_manifest
from covidcxr.metrics.intervals import student_quantile, wilson

NAMES = tuple(nuisance_numbers(np.zeros((64, 64), np.uint8), b"", rows=10, columns=10))


def fabricate(
    number: int, *, told_by: str = "", age: tuple[float, float] | None = None, source: bool = False
) -> tuple[Manifest, dict[str, ImageFacts]]:
    """Return 2 x ``number`` images of two classes that differ only in the number ``told_by``, in age or in source."""
    generator = np.random.default_rng(1)
    samples, facts = [], {}
    for index in range(2 * number):
        label = ("COVID-19", "Normal")[index % 2]
        name = ("cohen", "nih")[index % 2] if source else "cohen"
        record_id = f"{name}:{index}"
        years = None if age is None else float(age[index % 2] + generator.normal())
        record = Record(record_id=record_id, source=name, path=Path(str(index)), label=label, age_years=years)
        common = {"sha256": "", "phash": "", "rows": 10, "columns": 10, "bits_stored": 8}
        samples.append(Sample(record=record, label=label, split="train", image=record_id, group_id=record_id, **common))
        values = {key: float(generator.normal()) for key in NAMES}
        if told_by:
            values[told_by] += 10.0 * (index % 2)
        facts[record_id] = ImageFacts(
            record_id=record_id, size_bytes=1, mtime_ns=1, rows=10, columns=10, numbers=values
        )
    manifest = make_manifest(samples, [], classes=("COVID-19", "Normal"), seed=0, source_versions={})
    return manifest, facts


def leak(report: LeakReport, nuisance: str, label: str = "COVID-19") -> Leak:
    (found,) = [item for item in report.leaks if (item.nuisance, item.label) == (nuisance, label)]
    return found


def test_classes_that_differ_in_nothing_have_no_strong_leak() -> None:
    report = find_leaks(*fabricate(150))
    assert report.verdict == "no strong leak"
    assert all(0.35 < item.auroc < 0.65 for item in report.leaks if item.auroc is not None)


@pytest.mark.parametrize(
    ("told_by", "nuisance"),
    [
        ("intensity_p95", "six intensity numbers"),
        ("border_left", "border strips"),
        ("aspect_ratio", "aspect ratio"),
        ("file_bytes", "file size"),
        ("jpeg_quantisation", "JPEG quantisation"),
    ],
)
def test_a_planted_number_is_found_and_no_other_is_blamed(told_by: str, nuisance: str) -> None:
    report = find_leaks(*fabricate(150, told_by=told_by))
    assert report.verdict == "leaks"
    assert leak(report, nuisance).auroc == pytest.approx(1.0, abs=0.02)
    others = {item.nuisance for item in report.leaks if item.auroc is not None and item.auroc > 0.7}
    assert others == {nuisance}
    assert report.sentences[0].startswith(nuisance[0].upper() + nuisance[1:])


def test_age_and_age_group_are_measured_where_they_are_known() -> None:
    report = find_leaks(*fabricate(60, age=(60.0, 4.0)))
    assert leak(report, "age").auroc == pytest.approx(1.0)
    assert leak(report, "adult or child").auroc == pytest.approx(1.0)


def test_an_unknown_age_is_not_estimable_and_says_why() -> None:
    found = leak(find_leaks(*fabricate(60)), "age")
    assert (found.auroc, found.num_images) == (None, 0)
    assert found.reason == "known of only 0 images of COVID-19"


def test_a_source_of_its_own_tells_the_class() -> None:
    found = leak(find_leaks(*fabricate(60, source=True)), "source")
    assert found.auroc == found.high == 1.0
    assert found.low == pytest.approx(wilson(60, 60, quantile=student_quantile(0.95, 119)).low, abs=1e-3)


def test_a_group_in_two_splits_is_a_leak() -> None:
    manifest, facts = fabricate(60)
    first, second, *rest = manifest.samples
    crossing = [replace(first, group_id="g"), replace(second, group_id="g", split="test"), *rest]
    report = find_leaks(replace(manifest, samples=tuple(crossing)), facts)
    assert report.num_crossing_groups == 1
    assert report.verdict == "leaks"
    assert "1 groups of copies are in more than one split" in report.sentences[0]


def test_of_a_class_with_too_few_images_nothing_is_estimable_and_the_verdict_says_so() -> None:
    manifest, facts = fabricate(60)
    few = [item for item in manifest.samples if item.label == "Normal"][:3]
    samples = [item for item in manifest.samples if item.label != "Normal"] + few
    report = find_leaks(replace(manifest, samples=tuple(samples)), facts)
    assert report.verdict == "not estimable"
    assert [sentence[:30] for sentence in report.sentences] == [
        "Not estimable for COVID-19: ev",
        "Not estimable for Normal: even",
    ]
    assert "known of only 3 images of Normal" in report.sentences[1]


def test_a_class_without_an_estimate_is_named_beside_the_leaks_of_the_others() -> None:
    manifest, facts = fabricate(60, told_by="file_bytes")
    samples = [replace(item, label="Pneumonia") if number < 4 else item for number, item in enumerate(manifest.samples)]
    report = find_leaks(replace(manifest, samples=tuple(samples), classes=("COVID-19", "Normal", "Pneumonia")), facts)
    assert report.verdict in {"leaks", "doubtful"}
    assert any(sentence.startswith("Not estimable for Pneumonia: ") for sentence in report.sentences)


def test_few_patients_are_the_reason_where_images_are_many() -> None:
    manifest, facts = fabricate(20)
    samples = [replace(item, group_id=f"g{number % 4}") for number, item in enumerate(manifest.samples)]
    assert leak(find_leaks(replace(manifest, samples=tuple(samples)), facts), "source").reason == (
        "known of only 4 patients or images"
    )


def test_copies_in_two_splits_are_a_leak_and_named() -> None:
    pair = CopyPair(
        id_a="x:1",
        id_b="y:2",
        label_a="Normal",
        label_b="COVID-19",
        place_a="train",
        place_b="test",
        told_by="search",
        score=0.99,
    )
    copies = CopyReport(search="report", num_found=1, crossing=(pair,), conflicting=(pair,))
    report = find_leaks(*fabricate(60), copies)
    assert report.verdict == "leaks"
    assert report.sentences[:2] == (
        "1 pair of duplicates of one image in different splits: x:1 (train, Normal) and y:2 (test, COVID-19).",
        "1 pair of duplicates of one image under different labels: x:1 (train, Normal) and y:2 (test, COVID-19).",
    )
    assert report.crossing == (
        "In more than one split: patients 0, groups of copies 0, pairs of copies 1 "
        "(near-duplicates by perceptual hash)."
    )


def test_a_leak_report_comes_back_as_it_was_written(tmp_path: Path) -> None:
    pair = CopyPair(
        id_a="a", id_b="b", label_a="Normal", label_b=None, place_a="ct", place_b="test", told_by="bytes", score=1.0
    )
    report = find_leaks(*fabricate(20), CopyReport(search="group", num_found=3, conflicting=(pair,)))
    write_leaks(tmp_path / "leaks.json", report)
    assert read_leaks(tmp_path / "leaks.json") == report
    (tmp_path / "leaks.json").write_text('{"verdict": "leaks"}')
    assert read_leaks(tmp_path / "leaks.json") is None


def test_scores_never_come_from_the_own_group() -> None:
    groups = np.repeat(np.arange(30), 2)
    design = np.eye(30)[groups]  # a number that names the group, and nothing else
    targets = np.stack([groups % 2 == 0, groups % 2 == 1], axis=1).astype(float)
    scores = out_of_fold(design, targets, groups)
    assert all(np.unique(scores[folded, 0]).size <= 5 for folded in (groups % 2 == 0, groups % 2 == 1))
