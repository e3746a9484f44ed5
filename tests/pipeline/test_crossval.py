from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from covidcxr.cli.main import run_command
from covidcxr.core.errors import EvaluationError
from covidcxr.core.recipe import Recipe
from covidcxr.core.recipe_toml import resolve_recipe
from covidcxr.dataset.dataset import Dataset
from covidcxr.evaluation.cohort import Cohort
from covidcxr.evaluation.folds import fold_dataset, make_folds
from covidcxr.evaluation.settings import EvaluationSettings
from covidcxr.pipeline.crossval import crossval, pool
from study_builders import CLASSES, write_class_folders, write_dataset

RECIPE = """
name = "mini"
title = "A miniature"
[dataset]
classes = ["COVID-19", "Normal", "Pneumonia"]
[dataset.take]
home = ["COVID-19"]
[network]
name = "haghanifar2020"
preprocess = { size = 96 }
[training]
epochs = 1
steps = 2
batch_size = 8
validation = "test"
validation_fraction = 0.3
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVIDCXR_CACHE", str(tmp_path / "cache"))


def recipe() -> Recipe:
    import tomllib

    return resolve_recipe(tomllib.loads(RECIPE), where="mini")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset in which every class is of both sources."""
    root = tmp_path_factory.mktemp("mixed") / "dataset"
    write_dataset(root, num_each=8, mixed=True)
    return root


def test_a_source_held_out_shares_no_patient_and_no_image_with_the_training(mixed: Path) -> None:
    dataset = Dataset.open(mixed)
    folds = {fold.name: fold for fold in make_folds(dataset, "source")}
    assert set(folds) == {"home", "school"}
    for name, fold in folds.items():
        assert fold.reason == ""
        assert {sample.record.source for sample in fold.outside} == {name}
        groups = {sample.group_id for sample in fold.outside}
        assert not groups & {sample.group_id for sample in (*fold.train, *fold.inside)}
        assert {sample.split for sample in fold.inside} == {"test"}
        assert not set(fold.train) & set(fold.inside)


def test_a_class_of_one_source_is_not_estimable_without_it(tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", num_each=2)
    reasons = {fold.name: fold.reason for fold in make_folds(Dataset.open(tmp_path / "dataset"), "source")}
    assert reasons == {
        "home": "without home there is no COVID-19 image to train on",
        "school": "without school there is no Normal and no Pneumonia image to train on",
    }


def test_folds_by_patient_cover_every_image_once_and_split_no_patient(mixed: Path) -> None:
    dataset = Dataset.open(mixed)
    folds = make_folds(dataset, "patient", folds=4, seed=1)
    held_out = [sample.record.record_id for fold in folds for sample in fold.outside]
    assert sorted(held_out) == [sample.record.record_id for sample in dataset.samples]
    for fold in folds:
        assert not {sample.group_id for sample in fold.outside} & {sample.group_id for sample in fold.train}
        assert {sample.label for sample in fold.outside} == set(CLASSES)
    assert [fold.outside for fold in make_folds(dataset, "patient", folds=4, seed=1)] == [
        fold.outside for fold in folds
    ]


def test_a_fold_is_a_dataset_of_its_own_whose_images_stay(mixed: Path) -> None:
    dataset = Dataset.open(mixed)
    folds = make_folds(dataset, "patient", folds=2)
    first, second = (fold_dataset(dataset, fold) for fold in folds)
    assert len({dataset.digest, first.digest, second.digest}) == 3
    assert first.image_path(first.samples[0]).is_file()
    assert {sample.record.record_id for sample in first.split("test")} == {
        sample.record.record_id for sample in folds[0].outside
    }


def test_too_few_patients_or_sources_are_refused(tmp_path: Path, mixed: Path) -> None:
    with pytest.raises(EvaluationError, match=r"24 patients; expected at least as many as folds \(99\)"):
        make_folds(Dataset.open(mixed), "patient", folds=99)
    (tmp_path / "COVID-19").mkdir(parents=True)
    (tmp_path / "COVID-19" / "a.png").write_bytes(b"x")
    with pytest.raises(EvaluationError, match="every image is of class-folders"):
        make_folds(Dataset.open(tmp_path), "source")


def test_cohorts_are_pooled_case_by_case() -> None:
    def one(name: str) -> Cohort:
        return Cohort(
            name=name,
            classes=("A", "B"),
            record_ids=(name,),
            labels=np.array([1]),
            probabilities=np.array([[0.3, 0.7]]),
            groups=np.array([name]),
        )

    assert pool([one("x"), one("y")]).record_ids == ("x", "y")
    with pytest.raises(EvaluationError, match="x is there twice"):
        pool([one("x"), one("x")])
    with pytest.raises(EvaluationError, match="no cohort"):
        pool([])


def test_leave_one_source_out_trains_measures_and_reports(mixed: Path, tmp_path: Path) -> None:
    path = tmp_path / "mini.toml"
    path.write_text(RECIPE)
    arguments = ["crossval", str(path), "--data", str(mixed), "--out", str(tmp_path / "run"), "--rounds", "20", "-q"]
    assert run_command(arguments) == 0
    document = json.loads((tmp_path / "run" / "report" / "report.json").read_text(encoding="utf-8"))
    assert [fold["name"] for fold in document["folds"]] == ["home", "school"]
    for fold in document["folds"]:
        assert fold["outside"]["num_images"] == fold["num_outside"] == 24
        assert fold["inside"]["num_images"] == 12
        inside, outside = (fold[part]["metrics"]["accuracy"]["value"] for part in ("inside", "outside"))
        assert fold["change"]["accuracy"]["value"] == pytest.approx(outside - inside)
        assert fold["change"]["accuracy"]["low"] is not None
        assert (tmp_path / "run" / "folds" / fold["name"] / "bundle").is_dir()
    assert document["pooled"]["num_images"] == 48
    assert "carved from the training patients" in document["changed"]
    html = (tmp_path / "run" / "report" / "report.html").read_text(encoding="utf-8")
    assert "each time without one source" in html
    assert "from inside to held out" in html


def test_when_no_fold_is_estimable_the_report_still_says_so(tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", num_each=2)
    result = crossval(recipe(), tmp_path / "dataset", tmp_path / "run", settings=EvaluationSettings(rounds=10))
    assert result.pooled is None
    html = (tmp_path / "run" / "report" / "report.html").read_text(encoding="utf-8")
    assert "Not one fold is estimable" in html
    assert "without home there is no COVID-19 image to train on" in html


def test_a_fold_that_leaves_no_patient_to_validate_on_is_not_estimable(tmp_path: Path) -> None:
    data = write_class_folders(tmp_path / "films", {"COVID-19": 4, "Normal": 4, "Pneumonia": 2})
    result = crossval(recipe(), data, tmp_path / "run", by="patient", folds=2, settings=EvaluationSettings(rounds=10))
    assert [entry.fold.reason for entry in result.folds] == [
        f"without fold-{number} there are too few patients of Pneumonia to train and validate on" for number in (1, 2)
    ]
