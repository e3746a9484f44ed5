from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from covidcxr.core.errors import TrainingError
from covidcxr.core.recipe import CalibrationRecipe, Recipe
from covidcxr.models.bundle import Bundle
from covidcxr.models.history import read_history
from covidcxr.training.fit import train
from trainings import KilledAfter, curve

Build = Callable[..., Recipe]


def test_it_learns_what_tells_the_classes_apart(run: Callable[..., Path], small_recipe: Build) -> None:
    out = run(small_recipe(epochs=4, optimizer={"learning_rate": 2e-3}))
    bundle = Bundle.load(out / "bundle")
    assert bundle.info.history.validation["accuracy"] == 1.0
    assert bundle.info.history.epochs == bundle.info.history.kept_epoch == 4
    assert bundle.info.classes == ("COVID-19", "Normal")
    assert bundle.info.recipe["name"] == "small"


def test_the_same_seed_gives_the_same_losses_and_another_seed_others(
    run: Callable[..., Path], small_recipe: Build
) -> None:
    first, second = run(small_recipe(), "first"), run(small_recipe(), "second")
    assert curve(first) == curve(second)
    weights = [Bundle.load(out / "bundle").network().state_dict() for out in (first, second)]
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=0)
    assert curve(run(small_recipe(seed=1), "other")) != curve(first)


@pytest.mark.parametrize(("steps", "ema"), [(6, 0.0), (9, 0.0), (9, 0.9)])
def test_an_interrupted_training_gives_the_uninterrupted_curve(
    run: Callable[..., Path], small_recipe: Build, steps: int, ema: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(small_recipe(ema=ema), "whole")
    monkeypatch.setattr("covidcxr.training.loop._CHECKPOINT_SECONDS", 0.0)  # after every step
    with pytest.raises(KeyboardInterrupt):
        run(small_recipe(ema=ema), "parts", progress=KilledAfter(steps))
    parts = run(small_recipe(ema=ema), "parts")
    assert curve(parts) == curve(whole)


@pytest.mark.slow
def test_a_training_killed_by_the_system_goes_on_exactly(
    run: Callable[..., Path], small_recipe: Build, films: Path, tmp_path: Path
) -> None:
    recipe = small_recipe(epochs=6)
    whole, parts = run(recipe, "whole"), tmp_path / "parts"
    code = (
        "import sys, json; from pathlib import Path; from covidcxr.core.recipe_toml import resolve_recipe;"
        "from covidcxr.training.fit import train;"
        "train(resolve_recipe(json.loads(sys.argv[1]), where='x'), Path(sys.argv[2]), Path(sys.argv[3]), device='cpu',"
        "cache=Path(sys.argv[4]))"
    )
    arguments = [json.dumps(recipe.model_dump(mode="json")), str(films), str(parts), str(tmp_path / "cache")]
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.DEVNULL)
    while process.poll() is None and not list((parts / "checkpoints").glob("step-*")):
        time.sleep(0.005)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert curve(run(recipe, "parts")) == curve(whole)


def test_a_finished_training_is_not_done_again(run: Callable[..., Path], small_recipe: Build) -> None:
    out = run(small_recipe(epochs=1))
    before = (out / "bundle" / "model.safetensors").stat().st_mtime_ns
    assert run(small_recipe(epochs=1)) == out
    assert (out / "bundle" / "model.safetensors").stat().st_mtime_ns == before


def test_the_folder_of_another_training_is_refused(run: Callable[..., Path], small_recipe: Build) -> None:
    run(small_recipe(epochs=1))
    with pytest.raises(TrainingError, match="another recipe or dataset"):
        run(small_recipe(epochs=1, seed=3))


def test_early_stopping_keeps_the_best_epoch(run: Callable[..., Path], small_recipe: Build) -> None:
    recipe = small_recipe(
        epochs=12,
        early_stopping=2,
        optimizer={"learning_rate": 2e-3},
        schedule={"name": "steps", "starts": [0, 4], "rates": [2e-3, 1e-12]},
    )
    out = run(recipe)
    info = Bundle.load(out / "bundle").info
    scores = [validation["balanced_accuracy"] for _, validation in curve(out)]
    assert info.history.epochs == len(scores) < 12
    assert info.history.kept_epoch == scores.index(max(scores)) + 1 == len(scores) - 2


def test_a_dataset_without_a_class_of_the_recipe_is_refused(small_recipe: Build, tmp_path: Path, films: Path) -> None:
    recipe = small_recipe()
    wider = recipe.model_copy(
        update={"dataset": recipe.dataset.model_copy(update={"classes": ("COVID-19", "Normal", "Pneumonia")})}
    )
    with pytest.raises(TrainingError, match="Pneumonia"):
        train(wider, films, tmp_path / "run", device="cpu", cache=tmp_path / "cache")


def test_steps_limit_ends_a_training_early(run: Callable[..., Path], small_recipe: Build) -> None:
    out = run(small_recipe(steps=4))
    history = read_history(out / "history.json")
    assert history is not None
    assert history.finished
    assert len(history.epochs) == 1


def test_tensorboard_shows_curves_confusion_and_a_batch_as_augmented(
    run: Callable[..., Path], small_recipe: Build
) -> None:
    out = run(small_recipe(epochs=2, loss={"group_dro": 0.1}))
    events = EventAccumulator(str(out / "tensorboard")).Reload()
    assert {"loss/train", "loss/validation", "accuracy/validation", "learning_rate"} <= set(events.Tags()["scalars"])
    assert sum(tag.startswith("group_weight/COVID-19 ") for tag in events.Tags()["scalars"]) == 1
    assert set(events.Tags()["images"]) == {"confusion", "batch as augmented"}
    logged = [event.value for event in events.Scalars("loss/validation")]
    assert logged == pytest.approx([validation["loss"] for _, validation in curve(out)])


def test_the_validation_part_is_carved_from_training_unless_the_recipe_says_test(
    run: Callable[..., Path], small_recipe: Build
) -> None:
    out = run(small_recipe(epochs=1, validation="patients", validation_fraction=0.25))
    history = read_history(out / "history.json")
    assert history is not None
    assert sum(map(sum, history.epochs[0].confusion)) == 12  # of 48 training images; the test split has 12 too, 6 + 6
    assert [sum(row) for row in history.epochs[0].confusion] == [6, 6]


def test_scores_are_calibrated_on_validation_patients_and_never_on_test_images(
    run: Callable[..., Path], small_recipe: Build
) -> None:
    published = Bundle.load(run(small_recipe(epochs=1), "published") / "bundle").info
    assert (published.temperature, published.conformal, published.operating_points) == (1.0, {}, ())
    ours = Bundle.load(run(small_recipe(epochs=1, validation="patients"), "ours") / "bundle").info
    assert list(ours.conformal) == ["0.90"]
    assert {point.label for point in ours.operating_points} == set(ours.classes)


def test_another_calibration_does_not_train_again(run: Callable[..., Path], small_recipe: Build) -> None:
    recipe = small_recipe(epochs=1, validation="patients")
    first = Bundle.load(run(recipe) / "bundle").info
    wider = recipe.model_copy(update={"calibration": CalibrationRecipe(coverage=0.8)})
    out = run(wider)
    again = Bundle.load(out / "bundle").info
    assert list(again.conformal) == ["0.80"]
    assert (again.temperature, again.history.epochs) == (first.temperature, 1)
    history = read_history(out / "history.json")
    assert history is not None
    assert len(history.epochs) == 1


def test_an_unknown_device_is_refused(small_recipe: Build, films: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="'tpu' is none of auto, cpu, cuda, mps"):
        train(small_recipe(), films, tmp_path / "run", device="tpu", cache=tmp_path / "cache")


def with_lite0(recipe: Recipe) -> Recipe:
    """Return the recipe with EfficientNet-Lite 0 and its weights of ImageNet.

    In a deep network of batch normalisations float32 noise grows tenfold a step (float64 gives one curve to 1e-16); at
    the low rate used here six seeds stay under 2e-4.
    """
    preprocess = recipe.network.preprocess.model_copy(update={"size": 64})
    changes = {
        "name": "efficientnet-lite0",
        "options": {"dropout": 0.0},
        "weights": "imagenet",
        "preprocess": preprocess,
    }
    return recipe.model_copy(update={"network": recipe.network.model_copy(update=changes)})


@pytest.mark.slow
def test_two_processes_give_the_curve_of_one(
    run: Callable[..., Path], small_recipe: Build, films: Path, tmp_path: Path
) -> None:
    plain = {"epochs": 2, "precision": "float32"}
    recipes = {
        "uneven batches, factored layers": small_recipe(**plain, batch_size=9),
        "batch normalisation": with_lite0(small_recipe(**plain, batch_size=16, optimizer={"learning_rate": 2e-5})),
        "parts": small_recipe(**plain, batch_size=9, accumulate=3),
        "parts, groups, two passes": small_recipe(  # by SGD: Adam makes float noise of such gradients large
            **plain,
            batch_size=9,
            accumulate=2,
            loss={"group_dro": 2.0},
            optimizer={"name": "sgd", "learning_rate": 2e-2, "sam": 0.05},
        ),
    }
    script = tmp_path / "ddp.py"
    script.write_text(
        "import sys, json\n"
        "from pathlib import Path\n"
        "from covidcxr.cli.options import TerminalProgress\n"
        "from covidcxr.core.recipe_toml import resolve_recipe\n"
        "from covidcxr.training.fit import train\n"
        "for name, recipe in json.loads(sys.argv[1]).items():\n"
        "    recipe, out = resolve_recipe(recipe, where='ddp'), Path(sys.argv[3]) / name\n"
        "    options = {'device': 'cpu', 'cache': Path(sys.argv[4]), 'progress': TerminalProgress()}\n"
        "    train(recipe, Path(sys.argv[2]), out, **options)\n"
    )
    documents = {name: recipe.model_dump(mode="json") for name, recipe in recipes.items()}
    arguments = [json.dumps(documents), str(films), str(tmp_path / "two"), str(tmp_path / "cache")]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    done = subprocess.run([*launcher, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    bars = {"batch normalisation": 1e-3}
    for name, recipe in recipes.items():
        whole = recipe.model_copy(update={"training": recipe.training.model_copy(update={"accumulate": 1})})
        for one, two in zip(curve(run(whole, name)), curve(tmp_path / "two" / name), strict=True):
            for part in (0, 1):  # training, validation
                assert two[part]["loss"] == pytest.approx(one[part]["loss"], abs=bars.get(name, 1e-5)), name
    assert done.stderr.count("epoch 2: loss") == len(recipes)  # the first process speaks for both


def test_a_batch_in_parts_gives_the_training_of_the_whole_batch(run: Callable[..., Path], small_recipe: Build) -> None:
    plain = {"epochs": 1, "precision": "float32", "augment": {}}
    whole = run(small_recipe(**plain), "whole")
    parts = run(small_recipe(**plain, accumulate=3), "parts")
    for one, two in zip(curve(whole)[0], curve(parts)[0], strict=True):
        assert two["loss"] == pytest.approx(one["loss"], abs=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {"mixup": 0.4, "cutmix": 1.0},
        {"optimizer": {"sam": 0.05}},
        {"loss": {"group_dro": 0.5}, "mixup": 0.4},
    ],
)
def test_additions_change_the_training_and_go_on_exactly(
    run: Callable[..., Path], small_recipe: Build, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small_recipe(epochs=2, **{"loss": {"focal": 2.0}, **changes})
    whole = run(recipe, "whole")
    assert curve(whole) != curve(run(small_recipe(epochs=2, loss={"focal": 2.0}), "plain"))
    monkeypatch.setattr("covidcxr.training.loop._CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        run(recipe, "parts", progress=KilledAfter(8))
    assert curve(run(recipe, "parts")) == curve(whole)
