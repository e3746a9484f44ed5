"""Train a recipe's network on a dataset: ``train`` is the command, one readable loop underneath.

Lightning Fabric chooses the device and precision and joins processes; loading, augmentation, losses, schedules,
optimisers, checkpoints and calibration are the neighbouring files. Evaluation is left to others.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from covidcxr.core.digests import json_sha256
from covidcxr.core.errors import BundleError, TrainingError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.recipe import Recipe
from covidcxr.core.recipe_toml import load_recipe
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.statistics import class_meanings
from covidcxr.models.bundle import Bundle, save_bundle
from covidcxr.models.bundle_info import BundleInfo, HistoryInfo, NetworkInfo, PreprocessInfo
from covidcxr.models.history import HISTORY_FILE, EpochHistory, read_history, write_history
from covidcxr.training.calibrate import calibrate, validation_logits
from covidcxr.training.check import check_last_batch, check_recipe
from covidcxr.training.devices import start_fabric
from covidcxr.training.idle import idle_words
from covidcxr.training.loading import load_parts
from covidcxr.training.loop import Loop
from covidcxr.training.processes import is_leader

logger = logging.getLogger(__name__)

BUNDLE, CHECKPOINTS, TENSORBOARD = "bundle", "checkpoints", "tensorboard"


def train(
    recipe: Recipe | str,
    data: Path | Dataset,
    out: Path,
    *,
    device: str = "auto",
    cache: Path | None = None,
    progress: Progress = SILENT,
    after_epoch: Callable[[EpochHistory], None] | None = None,
) -> Path:
    """Train ``recipe`` on ``data`` and return the folder of the bundle, ``out/bundle``.

    ``out`` also gets ``checkpoints/``, ``tensorboard/`` and ``history.json``. A training that was interrupted goes on
    from its last checkpoint and gives what it would have given; one that is finished is not done again.

    Args:
        recipe: A resolved recipe, its name, or a TOML file.
        data: A dataset, compiled or a tree of class folders.
        out: Folder of the run.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        cache: Where packed images are kept; the user's cache folder by default.
        progress: Progress reporter.
        after_epoch: Called with each epoch once it is checkpointed; whatever it raises ends the training.

    Raises:
        TrainingError: If the training cannot start; DivergedError if its loss stops being a number.
        CovidCxrError: Whatever else of the recipe, dataset or place is wrong.
    """
    progress = progress if is_leader() else SILENT
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    check_recipe(recipe)
    for words in idle_words(recipe) if is_leader() else ():
        logger.warning("recipe %s: %s", recipe.name, words)
    dataset = data if isinstance(data, Dataset) else Dataset.open(data, classes=recipe.dataset.classes)
    if dataset.classes != recipe.dataset.classes:
        raise TrainingError(
            f"{dataset.root}: classes {', '.join(dataset.classes)}; recipe {recipe.name} has "
            f"{', '.join(recipe.dataset.classes)}; compile the dataset with this recipe, or change dataset.classes"
        )
    run_id = json_sha256(
        {
            "network": recipe.network.model_dump(mode="json"),
            "training": recipe.training.model_dump(mode="json"),
            "dataset": dataset.digest,
        }
    )
    if _is_finished(out, run_id, recipe):
        progress.message(f"{out / BUNDLE}: already trained, nothing to do")
        return out / BUNDLE
    fabric = start_fabric(device, recipe.training.precision)
    with fabric.rank_zero_first(local=True):  # what one process packs, the others find
        parts = load_parts(recipe, dataset, cache=cache, progress=progress)
    check_last_batch(recipe, len(parts.train.labels))
    started = time.monotonic()
    loop = Loop(
        recipe,
        parts,
        fabric,
        out=out,
        run_id=run_id,
        classes=dataset.classes,
        progress=progress,
        after_epoch=after_epoch,
    )
    epochs = loop.run()
    seconds = time.monotonic() - started
    if fabric.global_rank == 0:
        write_history(out / HISTORY_FILE, run_id, epochs)
        info = _describe(recipe, dataset, loop, epochs, seconds=seconds)
        if recipe.training.validation != "test":  # published systems that validate there get nothing fitted
            info = calibrate(info, *validation_logits(loop.network, recipe, parts.validation), recipe.calibration)
        save_bundle(out / BUNDLE, loop.network, info)
    fabric.barrier()
    return out / BUNDLE


def _is_finished(out: Path, run_id: str, recipe: Recipe) -> bool:
    history = read_history(out / HISTORY_FILE)
    if history is None or not (out / BUNDLE).is_dir():
        return False
    if history.run_id != run_id:
        raise TrainingError(
            f"{out}: holds the training of another recipe or dataset; choose another --out, or delete {out / BUNDLE}, "
            f"{out / CHECKPOINTS} and {out / HISTORY_FILE}"
        )
    if not history.finished:
        return False
    try:
        stored = Bundle.load(out / BUNDLE).recipe
    except BundleError:
        logger.warning("%s is partial or altered: training goes on from the last checkpoint", out / BUNDLE)
        return False
    return stored is not None and stored.calibration == recipe.calibration


def _describe(
    recipe: Recipe, dataset: Dataset, loop: Loop, epochs: list[EpochHistory], *, seconds: float
) -> BundleInfo:
    kept = epochs[loop.kept_epoch - 1]
    notes = list(recipe.notes)
    if dataset.synthetic:
        notes.insert(0, "Trained on synthetic phantoms, not on radiographs.")
    return BundleInfo(
        name=recipe.name,
        title=recipe.title,
        network=NetworkInfo(
            name=recipe.network.name, options=recipe.network.options, num_parameters=loop.network.num_parameters
        ),
        classes=dataset.classes,
        meanings=class_meanings(dataset.samples, dataset.classes),
        preprocess=PreprocessInfo(**recipe.network.preprocess.model_dump()),
        dataset_digest=dataset.digest,
        recipe=recipe.model_dump(mode="json"),
        history=HistoryInfo(
            epochs=len(epochs),
            kept_epoch=loop.kept_epoch,
            seconds=round(max(seconds, sum(epoch.seconds for epoch in epochs)), 1),
            device=loop.device_words,
            validation_split=recipe.training.validation,
            train=kept.train,
            validation=kept.validation,
        ),
        synthetic=dataset.synthetic,
        notes=tuple(notes),
    )
