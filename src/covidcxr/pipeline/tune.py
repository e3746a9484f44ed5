"""``tune``: a bounded search over a recipe's numbers, judged by patients of the training split alone.

Each trial is a training of the recipe with some values changed; its score is the balanced accuracy on the validation
part, which no trial learns from and which is carved from the training patients. A trial that does worse than the
median of the others at the same epoch is given up. The search itself is optuna's; what it has done is in
``search.journal``, and a search that was interrupted goes on there. The test split is never looked at.
"""

from __future__ import annotations

import csv
import io
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from covidcxr.core.artefacts import write_text
from covidcxr.core.digests import json_sha256
from covidcxr.core.errors import DivergedError, MissingExtraError, RecipeError, TrainingError
from covidcxr.core.outside_text import cells
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.recipe import Recipe, require_network
from covidcxr.core.recipe_toml import load_recipe, recipe_toml
from covidcxr.dataset.dataset import Dataset
from covidcxr.models.bundle import Bundle
from covidcxr.models.history import EpochHistory
from covidcxr.pipeline.search_space import DEFAULT_SPACE, Axis, parse_space
from covidcxr.training.checkpoints import newest_checkpoint
from covidcxr.training.fit import CHECKPOINTS, train

if TYPE_CHECKING:
    from optuna import Study, Trial

BEST, TABLE, JOURNAL, TRIALS = "best.toml", "trials.csv", "search.journal", "trials"
_STARTUP_TRIALS = 5  # drawn at random before the sampler has something to learn from, and before any is given up


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialResult:
    """One trial.

    Attributes:
        number: From 0.
        ended: ``finished``, ``given up``, ``diverged``, or ``refused``: the values could not be trained with.
        score: Balanced accuracy on the validation part: of the kept epoch if it finished, else of its last epoch;
            None if it had none.
        epochs: Epochs trained.
        values: Key to the value as a recipe has it.
    """

    number: int
    ended: str
    score: float | None
    epochs: int
    values: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneResult:
    """All trials, the best one, its recipe, the file that recipe is in, and its bundle."""

    trials: tuple[TrialResult, ...]
    best: TrialResult
    recipe: Recipe
    path: Path
    bundle: Path


def tune(
    recipe: str | Path,
    data: Path | Dataset,
    out: Path,
    *,
    search: Sequence[str] = DEFAULT_SPACE,
    overrides: Sequence[str] = (),
    trials: int = 20,
    minutes: float = 0.0,
    seed: int = 0,
    device: str = "auto",
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> TuneResult:
    """Search ``recipe``'s numbers on ``data`` and write the table and the best recipe to ``out``.

    Args:
        recipe: Name of a recipe, or a TOML file.
        data: A dataset, compiled or a tree of class folders.
        out: Gets ``best.toml``, ``trials.csv``, ``search.journal`` and ``trials/`` with the best trial's run.
        search: Lines ``KEY=LOW..HIGH[:log]`` or ``KEY=A|B``.
        overrides: Lines ``KEY=VALUE`` that hold for every trial.
        trials: How many in all, those of an earlier call included.
        minutes: No trial starts after so many minutes of this call; 0 for no limit.
        seed: Of the sampler.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        cache: Where packed images are kept; the user's cache folder by default.
        progress: Progress reporter.

    Raises:
        MissingExtraError: If optuna is not installed.
        TrainingError: If the recipe validates on its test split, ``out`` holds another search, or no trial finished.
        CovidCxrError: Whatever else of the recipe, dataset or place is wrong.
    """
    base = load_recipe(recipe, overrides)
    require_network(base)
    if base.training.validation != "patients":
        raise TrainingError(
            f"recipe {base.name} validates on its test split, and a search there would choose by the test; "
            "add --set training.validation=patients"
        )
    axes = parse_space(search, recipe, overrides)
    dataset = data if isinstance(data, Dataset) else Dataset.open(data, classes=base.dataset.classes)
    setting = json_sha256(
        {"recipe": base.model_dump(mode="json"), "space": list(search), "dataset": dataset.digest, "seed": seed}
    )
    study = _open_study(out, setting)
    started = time.monotonic()
    while (done := len(_ended(study))) < trials:
        if minutes and time.monotonic() - started > 60 * minutes:
            progress.message(f"{minutes:g} minutes are over after {done} of {trials} trials")
            break
        _take(study, seed + done)
        trial = study.ask()
        values = {axis.key: _suggest(trial, axis) for axis in axes}
        trial.set_user_attr("values", values)
        progress.message(
            f"trial {done + 1} of {trials}: " + ", ".join(f"{key}={value}" for key, value in values.items())
        )
        changed = load_recipe(recipe, [*overrides, *(f"{key}={value}" for key, value in values.items())])
        _run_trial(study, trial, changed, dataset, out, device=device, cache=cache, progress=progress)
        _keep_best(study, out)
        write_text(out / TABLE, _table(_results(study), [axis.key for axis in axes]))
    return _finish(study, recipe, overrides, out)


def _open_study(out: Path, setting: str) -> Study:
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError("optuna", "tune", "searching a recipe's numbers") from error
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    out.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(out / JOURNAL))),
        study_name="tune",
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP_TRIALS - 1, n_warmup_steps=1),
        load_if_exists=True,
    )
    known = study.user_attrs.setdefault("setting", setting)
    if known != setting:
        raise TrainingError(
            f"{out}: holds the search of another recipe, space, dataset or seed; choose another --out, or delete it"
        )
    study.set_user_attr("setting", setting)
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):  # cut off in the middle: done again
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        study.enqueue_trial(trial.params)
    return study


def _ended(study: Study) -> list[Any]:
    from optuna.trial import TrialState

    return study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))


def _take(study: Study, seed: int) -> None:
    """Give the study a sampler of its own for the next trial, so that a search goes on as if never interrupted."""
    from optuna.samplers import TPESampler

    study.sampler = TPESampler(seed=seed, n_startup_trials=_STARTUP_TRIALS)


def _suggest(trial: Trial, axis: Axis) -> str:
    if axis.choices:
        return trial.suggest_categorical(axis.key, axis.choices)
    if isinstance(axis.low, int) and isinstance(axis.high, int):
        return repr(trial.suggest_int(axis.key, axis.low, axis.high, log=axis.log))
    return repr(trial.suggest_float(axis.key, axis.low, axis.high, log=axis.log))


def _run_trial(
    study: Study,
    trial: Trial,
    recipe: Recipe,
    dataset: Dataset,
    out: Path,
    *,
    device: str,
    cache: Path | None,
    progress: Progress,
) -> None:
    from optuna import TrialPruned
    from optuna.trial import TrialState

    def look(epoch: EpochHistory) -> None:
        trial.report(epoch.validation["balanced_accuracy"], epoch.epoch)
        if epoch.epoch < recipe.training.epochs and trial.should_prune():
            raise TrialPruned

    place = out / TRIALS / json_sha256(recipe.model_dump(mode="json"))[:12]
    trial.set_user_attr("folder", place.name)
    try:
        for epoch in _trained_epochs(place):  # of a trial that was cut off; training goes on after them
            look(epoch)
        bundle = train(recipe, dataset, place, device=device, cache=cache, progress=progress, after_epoch=look)
    except TrialPruned:
        trial.set_user_attr("ended", "given up")
        study.tell(trial, state=TrialState.PRUNED)
        return
    except (RecipeError, TrainingError) as error:
        progress.message(str(error))
        trial.set_user_attr("ended", "diverged" if isinstance(error, DivergedError) else "refused")
        trial.set_user_attr("reason", str(error))
        study.tell(trial, state=TrialState.PRUNED)
        return
    history = Bundle.load(bundle, verify=False).info.history
    trial.set_user_attr("ended", "finished")
    trial.set_user_attr("epochs", history.epochs)
    study.tell(trial, history.validation["balanced_accuracy"])


def _trained_epochs(place: Path) -> list[EpochHistory]:
    checkpoint = newest_checkpoint(place / CHECKPOINTS)
    epochs = [] if checkpoint is None else checkpoint.position["epochs"]
    return [EpochHistory.model_validate(epoch) for epoch in epochs]


def _keep_best(study: Study, out: Path) -> None:
    """Delete the runs of all trials but the best; a run of a large network is a gigabyte."""
    best = _best(study)
    kept = best.user_attrs["folder"] if best is not None else ""
    for folder in (out / TRIALS).glob("*"):
        if folder.name != kept:
            shutil.rmtree(folder, ignore_errors=True)


def _best(study: Study) -> Any:
    from optuna.trial import TrialState

    complete = study.get_trials(states=(TrialState.COMPLETE,))
    return max(complete, key=lambda trial: (trial.value, -trial.number), default=None)


def _results(study: Study) -> tuple[TrialResult, ...]:
    return tuple(_result(trial, number) for number, trial in enumerate(_ended(study)))


def _result(trial: Any, number: int) -> TrialResult:
    seen = trial.intermediate_values
    return TrialResult(
        number=number,
        ended=trial.user_attrs["ended"],
        score=trial.value if trial.user_attrs["ended"] == "finished" else seen[max(seen)] if seen else None,
        epochs=trial.user_attrs.get("epochs", max(seen, default=0)),
        values=trial.user_attrs["values"],
    )


def _table(results: Sequence[TrialResult], keys: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "ended", "validation_balanced_accuracy", "epochs", *keys])
    for result in results:
        score = "" if result.score is None else f"{result.score:.6f}"
        writer.writerow([result.number, result.ended, score, result.epochs, *cells(result.values[key] for key in keys)])
    return text.getvalue()


def _finish(study: Study, recipe: str | Path, overrides: Sequence[str], out: Path) -> TuneResult:
    best = _best(study)
    if best is None:
        last = next(
            (trial.user_attrs["reason"] for trial in reversed(_ended(study)) if "reason" in trial.user_attrs), ""
        )
        raise TrainingError(
            f"{out}: no trial finished; see {out / TABLE}, and narrow the ranges or allow more trials"
            + (f" (the last one: {last})" if last else "")
        )
    values = best.user_attrs["values"]
    chosen = load_recipe(recipe, [*overrides, *(f"{key}={value}" for key, value in values.items())])
    chosen = chosen.model_copy(update={"name": f"{chosen.name}-tuned"})
    note = (
        f"# Balanced accuracy on the validation patients: {best.value:.4f}, the best of {len(_ended(study))} trials,\n"
        "# and so too good; judge the recipe on images that the search never saw.\n"
    )
    write_text(out / BEST, note + recipe_toml(chosen))
    results = _results(study)
    return TuneResult(
        trials=results,
        best=next(result for result in results if result.ended == "finished" and result.values == values),
        recipe=chosen,
        path=out / BEST,
        bundle=out / TRIALS / best.user_attrs["folder"] / "bundle",
    )
