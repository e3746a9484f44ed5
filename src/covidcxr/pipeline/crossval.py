"""``crossval``: train with one source left out, evaluate on that source, for each source in turn.

A class that comes from one source only cannot be learnt when it is left out; that fold, and whatever of the class would
need it, is "not estimable" with the reason. Each fold's training is kept under ``folds/`` and resumed. The page is made
in `crossval_report`.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from covidcxr.core.artefacts import atomic_directory
from covidcxr.core.digests import json_sha256
from covidcxr.core.errors import EvaluationError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.recipe import Recipe, load_recipe
from covidcxr.core.types import EvaluationReport, Metric, Sample
from covidcxr.dataset.dataset import Dataset
from covidcxr.evaluation.cohort import Cohort
from covidcxr.evaluation.report import evaluate_cohort
from covidcxr.models.bundle import Bundle
from covidcxr.pipeline.cohorts import evaluate_dataset
from covidcxr.training.fit import CHECKPOINTS, train

_FOLDS = "folds"
_WITH_CLASS = ("sensitivity", "specificity", "ppv", "npv", "f1", "auroc", "average_precision", "true_probability")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fold:
    """One source left out.

    Attributes:
        source: Its name.
        num_train: Images trained on, of the other sources.
        num_dropped: Images of other sources that share a patient or duplicate with it, and were left out too.
        report: The network's figures on the source; None where the fold could not be trained, with the ``reason``.
        cohort: Its cases and predictions; None likewise.
        reason: Why there is no report; empty otherwise.
    """

    source: str
    num_train: int
    num_dropped: int
    report: EvaluationReport | None
    cohort: Cohort | None
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Crossval:
    """All folds of one recipe on one dataset.

    Attributes:
        recipe: As it was trained; its validation part is always carved by patient.
        dataset: What was divided.
        folds: One a source, by name.
        pooled: The figures of all cases, each predicted by the network that never saw its source; None if no fold
            could be trained.
        single_source: Class to the one source it comes from.
    """

    recipe: Recipe
    dataset: Dataset
    folds: tuple[Fold, ...]
    pooled: EvaluationReport | None
    single_source: Mapping[str, str]


def crossval(
    recipe: Recipe | str,
    data: Path | Dataset,
    out: Path,
    *,
    rounds: int = 2000,
    seed: int = 0,
    device: str = "auto",
    command: str = "",
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> Crossval:
    """Train and evaluate ``recipe`` with each source of ``data`` left out in turn, and write ``out/report``.

    Args:
        recipe: A resolved recipe, its name, or a TOML file.
        data: A compiled dataset of two sources or more.
        out: Gets ``folds/SOURCE/bundle`` and ``report/``.
        rounds: Bootstrap rounds.
        seed: Of the bootstrap.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        command: What was typed, for the provenance.
        cache: Where packed images are kept; the user's cache folder by default.
        progress: Who follows the work.

    Raises:
        EvaluationError: If the dataset has one source only.
        CovidCxrError: Whatever else of the recipe, dataset or place is wrong.
    """
    resolved = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    training = resolved.training.model_copy(update={"validation": "patients"})
    resolved = resolved.model_copy(update={"training": training})
    dataset = data if isinstance(data, Dataset) else Dataset.open(data, classes=resolved.dataset.classes)
    sources = sorted({sample.record.source for sample in dataset.samples})
    if len(sources) < 2:
        raise EvaluationError(
            f"{dataset.root}: all images come from {sources[0]}; leaving a source out needs at least two sources"
        )
    folds = []
    for source in progress.track(sources, total=len(sources), label="leave one source out"):
        progress.status(source)
        folds.append(
            _run_fold(
                resolved, dataset, source, out, rounds=rounds, seed=seed, device=device, cache=cache, progress=progress
            )
        )
    single = single_sources(dataset.samples, dataset.classes)
    result = Crossval(
        recipe=resolved,
        dataset=dataset,
        folds=tuple(folds),
        pooled=_pooled(folds, single, rounds=rounds, seed=seed),
        single_source=single,
    )
    from covidcxr.pipeline.crossval_report import write_crossval

    with atomic_directory(out / "report") as folder:
        write_crossval(result, folder, command=command)
    return result


def single_sources(samples: Sequence[Sample], classes: Sequence[str]) -> dict[str, str]:
    """Return each class that comes from one source only, and that source."""
    found = {label: {sample.record.source for sample in samples if sample.label == label} for label in classes}
    return {label: next(iter(sources)) for label, sources in found.items() if len(sources) == 1}


def leave_out(dataset: Dataset, source: str) -> tuple[Dataset, int]:
    """Return ``dataset`` with ``source`` as its test part and all others as its training part, and how many it lost.

    Images of other sources that share a group (patient or duplicate) with the source are dropped.
    """
    left_out = {sample.group_id for sample in dataset.samples if sample.record.source == source}
    test = [replace(sample, split="test") for sample in dataset.samples if sample.record.source == source]
    others = [sample for sample in dataset.samples if sample.record.source != source]
    kept = [replace(sample, split="train") for sample in others if sample.group_id not in left_out]
    samples = tuple(sorted([*test, *kept], key=lambda sample: sample.record.record_id))
    digest = json_sha256({"dataset": dataset.digest, "left_out": source})
    manifest = replace(dataset.manifest, samples=samples, digest=digest)
    return replace(dataset, manifest=manifest), len(others) - len(kept)


def _run_fold(
    recipe: Recipe,
    dataset: Dataset,
    source: str,
    out: Path,
    *,
    rounds: int,
    seed: int,
    device: str,
    cache: Path | None,
    progress: Progress,
) -> Fold:
    divided, dropped = leave_out(dataset, source)
    fitted = [sample for sample in divided.samples if sample.split == "train"]
    missing = [label for label in dataset.classes if not any(sample.label == label for sample in fitted)]
    if missing:
        reason = f"{', '.join(missing)} comes from {source} only, so a network without {source} cannot learn it"
        return Fold(source=source, num_train=0, num_dropped=dropped, report=None, cohort=None, reason=reason)
    folder = out / _FOLDS / source
    bundle = Bundle.load(train(recipe, divided, folder, device=device, cache=cache, progress=progress))
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)  # hundreds of megabytes a fold; the bundle is all it needs
    from covidcxr.inference.predictor import Predictor

    result = evaluate_dataset(
        divided,
        Predictor.load(bundle.folder, device=device),
        bundle.info,
        split="test",
        internal=False,
        rounds=rounds,
        seed=seed,
        label_smoothing=0.0,
        pictures=False,
        prevalence={},
        progress=progress,
    )
    single = single_sources(dataset.samples, dataset.classes)
    report = replace(result.report, cohort=source, metrics=explained(result.report.metrics, single))
    cohort = replace(result.cohort, name=source)
    return Fold(source=source, num_train=len(fitted), num_dropped=dropped, report=report, cohort=cohort)


def _pooled(folds: Sequence[Fold], single: Mapping[str, str], *, rounds: int, seed: int) -> EvaluationReport | None:
    cohorts = [fold.cohort for fold in folds if fold.cohort is not None]
    if not cohorts:
        return None
    first = cohorts[0]
    together = Cohort(
        name="all sources, each left out",
        classes=first.classes,
        record_ids=tuple(record_id for cohort in cohorts for record_id in cohort.record_ids),
        labels=np.concatenate([cohort.labels for cohort in cohorts]),
        probabilities=np.concatenate([cohort.probabilities for cohort in cohorts]),
        groups=np.concatenate([cohort.groups for cohort in cohorts]),
        columns={key: np.concatenate([cohort.columns[key] for cohort in cohorts]) for key in first.columns},
        notes=tuple(dict.fromkeys(note for cohort in cohorts for note in cohort.notes)),
    )
    report = evaluate_cohort(together, rounds=rounds, seed=seed, subgroups=False)
    return replace(report, metrics=explained(report.metrics, single))


def explained(metrics: Mapping[str, Metric], single: Mapping[str, str]) -> dict[str, Metric]:
    """Return ``metrics`` in which what is not estimable for a class of one source says so."""
    told = dict(metrics)
    for name, metric in metrics.items():
        kind, _, label = name.partition("/")
        if metric.value is None and label in single and kind in _WITH_CLASS:
            told[name] = replace(metric, reason=f"{label} comes from {single[label]} only")
    return told
