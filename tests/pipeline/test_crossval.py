"""``covidcxr crossval`` from phantom sources to its report, and how a source is left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from covidcxr.cli.main import run_command
from covidcxr.core.errors import EvaluationError
from covidcxr.dataset.dataset import Dataset
from covidcxr.pipeline.crossval import crossval, leave_out, single_sources
from covidcxr.sources.phantoms import write_phantom_sources

NETWORK = ["--set", "network.name=haghanifar2020", "--set", "network.options={}", "--set", "network.preprocess.size=96"]
SHORT = ["--set", "training.epochs=1", "--set", "training.steps=2", "--set", "training.batch_size=4"]
SETTINGS = [*NETWORK, *SHORT, "--set", "network.preprocess.channels=1", "--set", "training.augment.resize_to=0"]
SPLIT = ["--set", "dataset.split.test_images={ COVID-19 = 4 }", "--set", "dataset.longest_side=96"]
ONLY = "chest-xray-pneumonia"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crossval")
    write_phantom_sources(folder / "sources", seed=1, num_covid=20, num_normal=12, num_pneumonia=12, size=96)
    out = folder / "dataset"
    where = ["--sources", str(folder / "sources"), "--out", str(out), "--workers", "1"]
    assert run_command(["compile", "zhong2020", *where, "--quiet", *SPLIT]) == 0
    return out


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVIDCXR_CACHE", str(tmp_path / "cache"))


def test_each_source_is_left_out_and_a_class_of_one_source_is_not_estimable(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    asked = ["crossval", "zhong2020", "--by", "source", "--data", str(dataset), "--out", str(out), "--rounds", "50"]
    assert run_command([*asked, "--json", *SETTINGS, *SPLIT]) == 0
    document = json.loads(capsys.readouterr().out)
    folds = {fold["source"]: fold for fold in document["folds"]}
    assert set(folds) == {"actualmed", "covid-chestxray-dataset", "figure1", ONLY}
    assert folds[ONLY]["cohort"] is None
    assert f"Normal, Pneumonia comes from {ONLY} only" in folds[ONLY]["reason"]
    assert document["single_source"] == {"Normal": ONLY, "Pneumonia": ONLY}
    metrics = folds["covid-chestxray-dataset"]["cohort"]["metrics"]
    assert 0 <= metrics["sensitivity/COVID-19"]["value"] <= 1
    assert metrics["auroc/Normal"]["value"] is None
    assert metrics["auroc/Normal"]["reason"] == f"Normal comes from {ONLY} only"
    tested = sum(fold["cohort"]["num_images"] for fold in folds.values() if fold["cohort"])
    assert document["pooled"]["num_images"] == tested == 20
    page = (out / "report" / "report.html").read_text()
    assert f"comes from {ONLY} only" in page
    assert "Research use only" in page
    assert not list((out / "folds").glob("*/checkpoints"))


def test_the_source_left_out_is_the_test_part_and_its_patients_are_in_no_other(dataset: Path) -> None:
    opened = Dataset.open(dataset)
    shared = opened.samples[0]
    other = next(sample for sample in opened.samples if sample.record.source == ONLY)
    samples = tuple(
        replace(sample, group_id=shared.group_id) if sample is other else sample for sample in opened.samples
    )
    joined = replace(opened, manifest=replace(opened.manifest, samples=samples))
    divided, dropped = leave_out(joined, shared.record.source)
    assert dropped == 1
    for sample in divided.samples:
        assert (sample.split == "test") == (sample.record.source == shared.record.source)
    assert not {s.group_id for s in divided.split("train")} & {s.group_id for s in divided.split("test")}
    assert divided.digest != opened.digest


def test_classes_of_one_source_are_named_with_it(dataset: Path) -> None:
    opened = Dataset.open(dataset)
    assert single_sources(opened.samples, opened.classes) == {"Normal": ONLY, "Pneumonia": ONLY}


def test_a_dataset_of_one_source_is_refused(dataset: Path, tmp_path: Path) -> None:
    opened = Dataset.open(dataset)
    samples = tuple(sample for sample in opened.samples if sample.record.source == ONLY)
    alone = replace(opened, manifest=replace(opened.manifest, samples=samples))
    with pytest.raises(EvaluationError, match="all images come from chest-xray-pneumonia"):
        crossval("zhong2020", alone, tmp_path / "out")
