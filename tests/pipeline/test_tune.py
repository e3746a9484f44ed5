from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from covidcxr.cli.main import run_command
from covidcxr.core.errors import MissingExtraError, RecipeError, TrainingError
from covidcxr.core.recipe import Recipe
from covidcxr.core.recipe_toml import load_recipe
from covidcxr.pipeline import tune as tuning
from covidcxr.pipeline.search_space import Axis, parse_axis, parse_space
from covidcxr.pipeline.tune import tune
from study_builders import write_dataset

pytest.importorskip("optuna", reason="the extra `tune` is not installed")

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
epochs = 2
batch_size = 16
validation_fraction = 0.4
precision = "float32"
"""
RATE, BATCH = "training.optimizer.learning_rate=1e-4..1e-2:log", "training.batch_size=8|16"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COVIDCXR_CACHE", str(tmp_path / "cache"))
    write_dataset(tmp_path / "data", num_each=6)
    (tmp_path / "mini.toml").write_text(RECIPE)
    return tmp_path


def search(place: Path, name: str = "tune", **options: object) -> tuning.TuneResult:
    arguments: dict[str, object] = {"search": [RATE, BATCH], "trials": 3, "device": "cpu", **options}
    return tune(place / "mini.toml", place / "data", place / name, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("training.epochs=2..9", Axis(key="training.epochs", low=2, high=9)),
        ("training.ema=0..0.99", Axis(key="training.ema", low=0.0, high=0.99)),
        (RATE, Axis(key="training.optimizer.learning_rate", low=1e-4, high=1e-2, log=True)),
        (BATCH, Axis(key="training.batch_size", choices=("8", "16"))),
    ],
)
def test_a_range_is_read_as_written(text: str, axis: Axis) -> None:
    found = parse_axis(text)
    assert found == axis
    assert type(found.low) is type(axis.low)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("training.epochs", "expected KEY=LOW..HIGH"),
        ("training.epochs=3", "expected KEY=LOW..HIGH"),
        ("training.epochs=2..9:linear", "expected KEY=LOW..HIGH"),
        ("training.epochs=9..2", "9 to 2 is no range"),
        ("training.ema=0..0.9:log", "starts above 0"),
        ("training.epoch=2..9", "did you mean 'epochs'"),
        ("training.loss.label_smoothing=0.0..1.5", "less than or equal to 1"),
        ("training.seed=1..9", "cannot be searched"),
        ("dataset.longest_side=64..512", "cannot be searched"),
        (
            "training.optimizer.momentum=0.5..0.8",
            r"does nothing in recipe zhong2020-fixed because of .*optimizer\.name",
        ),
    ],
)
def test_a_line_that_cannot_be_searched_is_refused_before_anything_runs(line: str, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        parse_space([line], "zhong2020-fixed", ())


def test_a_recipe_that_validates_on_the_test_split_is_refused(place: Path) -> None:
    with pytest.raises(TrainingError, match=r"validates on its test split.*--set training\.validation=patients"):
        search(place, overrides=["training.validation=test"])


def test_the_verb_writes_a_table_the_best_recipe_and_its_bundle(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "space.toml").write_text('"training.optimizer.learning_rate" = "1e-4..1e-2:log"\n')
    arguments = ["tune", str(place / "mini.toml"), "--data", str(place / "data"), "--out", str(place / "tune")]
    arguments += ["--space", str(place / "space.toml"), "--search", BATCH, "--trials", "2", "--device", "cpu"]
    assert run_command([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    rows = list(csv.DictReader((place / "tune" / "trials.csv").read_text().splitlines()))
    assert [row["trial"] for row in rows] == ["0", "1"]
    assert float(max(row["validation_balanced_accuracy"] for row in rows)) == pytest.approx(
        document["best"]["score"], abs=1e-6
    )
    best = load_recipe(document["recipe"])
    assert repr(best.training.optimizer.learning_rate) == document["best"]["values"][RATE.partition("=")[0]]
    assert best.name == "mini-tuned"
    assert (Path(document["bundle"]) / "model.safetensors").is_file()
    assert len(list((place / "tune" / "trials").iterdir())) == 1


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = search(place, "whole", trials=4)
    real, calls = tuning.train, []

    def cut_off(*arguments: object, **options: object) -> Path:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(tuning, "train", cut_off)
    with pytest.raises(KeyboardInterrupt):
        search(place, "parts", trials=4)
    parts = search(place, "parts", trials=4)
    assert [trial.values for trial in parts.trials] == [trial.values for trial in whole.trials]
    assert parts.best == whole.best
    with pytest.raises(TrainingError, match="another recipe, space, dataset or seed"):
        search(place, "parts", seed=1)


def test_what_a_trial_showed_before_it_was_cut_off_still_counts(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optuna.trial.Trial.should_prune", lambda trial: trial.number > 0)
    whole = search(place, "whole", trials=2)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("optuna.trial.Trial.should_prune", cut_off_after_the_first)
        search(place, "parts", trials=2)
    parts = search(place, "parts", trials=2)
    assert [(trial.ended, trial.epochs) for trial in whole.trials] == [("finished", 2), ("given up", 1)]
    assert parts.trials == whole.trials


def cut_off_after_the_first(trial: Any) -> bool:
    if trial.number:
        raise KeyboardInterrupt
    return False


def test_a_trial_whose_loss_is_no_number_is_one_trial_lost(place: Path) -> None:
    result = search(
        place,
        search=["training.optimizer.learning_rate=1e-3|1e30"],
        trials=6,
        overrides=["training.optimizer.name=sgd"],
    )
    assert {trial.ended for trial in result.trials} >= {"diverged", "finished"}
    assert result.best.values == {"training.optimizer.learning_rate": "1e-3"}


def test_values_that_cannot_be_trained_with_are_refused_and_the_search_goes_on(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RecipeError, match="size 60 is smaller than 95"):
        search(place, search=["network.preprocess.size=60..110"])
    real = tuning.train

    def picky(recipe: Recipe, *arguments: object, **options: object) -> Path:
        if recipe.training.batch_size == 8:
            raise RecipeError("a batch of 8 is too small")
        return real(recipe, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(tuning, "train", picky)
    result = search(place, search=[BATCH], trials=5)
    assert {(trial.ended, trial.values["training.batch_size"]) for trial in result.trials} == {
        ("refused", "8"),
        ("finished", "16"),
    }
    with pytest.raises(TrainingError, match="no trial finished.*a batch of 8 is too small"):
        search(place, "none", search=["training.batch_size=8|8"], trials=1)


def test_a_trial_worse_than_the_median_is_given_up(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optuna.trial.Trial.should_prune", lambda trial: trial.number > 0)
    result = search(place, trials=2)
    assert [(trial.ended, trial.epochs) for trial in result.trials] == [("finished", 2), ("given up", 1)]


def test_without_optuna_the_error_names_the_extra(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"covidcxr\[tune\]"):
        search(place)
