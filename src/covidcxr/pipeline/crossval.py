"""``crossval``: train again and again with a source, or a part of the patients, held out, and measure on what was.

A class that comes from one source cannot be trained without it: such a fold is not estimable, and the report says so.
The folder holds ``folds/NAME/`` (each with its bundle) and ``report/``; folds that are trained are not trained again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from covidcxr.core.artefacts import atomic_directory, check_place
from covidcxr.core.errors import EvaluationError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.recipe import Recipe
from covidcxr.core.recipe_toml import load_recipe
from covidcxr.core.types import Sample
from covidcxr.dataset.dataset import Dataset
from covidcxr.evaluation.cohort import Cohort
from covidcxr.evaluation.folds import By, Fold, fold_dataset, make_folds
from covidcxr.evaluation.report import evaluate_cohort
from covidcxr.evaluation.settings import DEFAULT_SETTINGS, EvaluationSettings, refuse_unused
from covidcxr.evaluation.verdict import target_class
from covidcxr.outputs.report_files import JSON
from covidcxr.pipeline.cohorts import predicted_cohort
from covidcxr.report.crossval_result import CrossvalResult, FoldResult
from covidcxr.training.check import check_recipe
from covidcxr.training.loading import carve_validation


def crossval(
    recipe: Recipe | str,
    data: Path | Dataset,
    out: Path,
    *,
    by: By = "source",
    folds: int = 5,
    settings: EvaluationSettings = DEFAULT_SETTINGS,
    device: str = "auto",
    command: str = "",
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> CrossvalResult:
    """Train ``recipe`` once for each fold of ``data`` and write the report to ``out``/report.

    A recipe whose validation is the test split would watch what is held out; its folds carve a validation part from
    the training patients instead, and the report says so.

    Args:
        recipe: A resolved recipe, its name, or a TOML file.
        data: A dataset, compiled or a tree of class folders.
        out: Gets ``folds/NAME/``, each with its bundle, and ``report/``.
        by: What is held out: a source at a time, or a part of the patients.
        folds: How many, by patient.
        settings: How the folds are measured: ``rounds``, ``seed`` (of the folds by patient too) and ``method``.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        command: What was typed, for the provenance.
        cache: Folder of packed images; by default the training's.
        progress: Progress reporter.

    Raises:
        CovidCxrError: If recipe or dataset do not fit, no fold can be made, or ``out`` cannot be written.
    """
    from covidcxr.report.crossval import write_crossval

    refuse_unused(settings, "crossval", ("rounds", "seed", "method"))
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    check_recipe(recipe)
    check_place(out / "report", JSON, "report")
    dataset = data if isinstance(data, Dataset) else Dataset.open(data, classes=recipe.dataset.classes)
    blind, changed = _blinded(recipe)
    made = [_watched(fold, blind, dataset.classes) for fold in make_folds(dataset, by, folds=folds, seed=settings.seed)]
    intervals, results, cohorts = settings.intervals(), [], []
    for number, fold in enumerate(made, start=1):
        progress.message(
            f"fold {number} of {len(made)}: {fold.name}" + (f" not estimable: {fold.reason}" if fold.reason else "")
        )
        if fold.reason:
            results.append(FoldResult(fold=fold))
            continue
        place = out / "folds" / fold.name
        outside, inside = _measure_fold(blind, dataset, fold, place, device=device, cache=cache, progress=progress)
        cohorts.append(outside)
        results.append(
            FoldResult(
                fold=fold,
                outside=evaluate_cohort(outside, intervals=intervals, subgroups=False),
                inside=evaluate_cohort(inside, intervals=intervals, subgroups=False) if inside else None,
            )
        )
    result = CrossvalResult(
        recipe=recipe,
        by=by,
        folds=tuple(results),
        pooled=evaluate_cohort(pool(cohorts), intervals=intervals, subgroups=False) if cohorts else None,
        target=target_class(dataset.classes),
        synthetic=dataset.synthetic,
        changed=changed,
    )
    with atomic_directory(out / "report") as folder:
        write_crossval(result, dataset, folder, command=command)
    return result


def pool(cohorts: Sequence[Cohort]) -> Cohort:
    """Return the cases of all ``cohorts``, which share their classes and no case, as one cohort.

    Raises:
        EvaluationError: If there are none, or a case is in two of them.
    """
    if not cohorts:
        raise EvaluationError("no cohort to pool; expected at least one fold that could be measured")
    return Cohort(
        name="all held out",
        classes=cohorts[0].classes,
        record_ids=tuple(record_id for cohort in cohorts for record_id in cohort.record_ids),
        labels=np.concatenate([cohort.labels for cohort in cohorts]),
        probabilities=np.concatenate([cohort.probabilities for cohort in cohorts]),
        groups=np.concatenate([cohort.groups for cohort in cohorts]),
    )


def _measure_fold(
    recipe: Recipe,
    dataset: Dataset,
    fold: Fold,
    place: Path,
    *,
    device: str,
    cache: Path | None,
    progress: Progress,
) -> tuple[Cohort, Cohort | None]:
    from covidcxr.inference.predictor import Predictor
    from covidcxr.training.fit import train

    bundle = train(recipe, fold_dataset(dataset, fold), place, device=device, cache=cache, progress=progress)
    predictor = Predictor.load(bundle, device=device, gated=False)

    def judged(name: str, samples: Sequence[Sample]) -> Cohort:
        return predicted_cohort(name, dataset, samples, predictor, dataset.classes, progress=progress)

    outside = judged(f"{fold.name}, held out", fold.outside)
    return outside, judged(f"inside, without {fold.name}", fold.inside) if fold.inside else None


def _watched(fold: Fold, recipe: Recipe, classes: Sequence[str]) -> Fold:
    """Return ``fold``, as not estimable where its training part leaves a class without a validation patient."""
    training = recipe.training
    if fold.reason or not training.validation_fraction:
        return fold
    _, validation = carve_validation(fold.train, fraction=training.validation_fraction, seed=training.seed)
    missing = [label for label in classes if not any(sample.label == label for sample in validation)]
    words = f"without {fold.name} there are too few patients of {' and '.join(missing)} to train and validate on"
    return replace(fold, reason=words) if missing else fold


def _blinded(recipe: Recipe) -> tuple[Recipe, str]:
    """Return the recipe with a validation part of its own, and what that changed."""
    if recipe.training.validation != "test":
        return recipe, ""
    training = recipe.training.model_copy(update={"validation": "patients"})
    changed = "The recipe validates on its test split; here a validation part was carved from the training patients."
    return recipe.model_copy(update={"training": training}), changed
