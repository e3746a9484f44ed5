"""``compare``: several bundles on the same datasets, side by side, and how sure the difference is.

The first bundle is the one that the others are compared with, on the same cases and the same resampled patients. The
folder holds ``report.html``, ``report.json`` and ``figures/``; it appears whole or not at all.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from covidcxr.audit.run import run_audits
from covidcxr.core.artefacts import atomic_directory, check_place
from covidcxr.core.errors import EvaluationError
from covidcxr.core.labels import find_label
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.types import Prediction, Sample, Split
from covidcxr.dataset.dataset import Dataset
from covidcxr.evaluation.cohort import Cohort, cohort_from_predictions
from covidcxr.evaluation.report import DEFAULT_ROUNDS, evaluate_cohort
from covidcxr.evaluation.verdict import target_class
from covidcxr.metrics.comparison import bootstrap_difference, mcnemar, paired_delong
from covidcxr.models.bundle import Bundle
from covidcxr.pipeline.cohorts import open_dataset, samples_to_judge, training_cache
from covidcxr.report.comparison_result import CompareResult, ModelCohort, ModelResult, Paired
from covidcxr.report.folder import JSON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from covidcxr.inference.predictor import Predictor


def compare(
    bundles: Sequence[Path],
    datasets: Sequence[Path],
    out: Path,
    *,
    split: Split = "test",
    device: str = "auto",
    rounds: int = DEFAULT_ROUNDS,
    seed: int = 0,
    audit: bool = False,
    class_map: Mapping[str, str] | None = None,
    published: Mapping[str, float] | None = None,
    command: str = "",
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> CompareResult:
    """Measure ``bundles`` on ``datasets`` and write the comparison to the folder ``out``.

    Raises:
        CovidCxrError: If a bundle or dataset is not whole, or the bundles share no class to compare by.
    """
    if len(bundles) < 2 or not datasets:
        raise EvaluationError(
            f"found {len(bundles)} bundles and {len(datasets)} datasets; expected two bundles and one dataset"
        )
    check_place(out, JSON, "report")
    loaded = [Bundle.load(path) for path in bundles]
    target = _shared_target(loaded)
    models: list[ModelResult] = []
    for bundle, name in zip(loaded, _names(loaded), strict=True):
        known = {theirs: ours for theirs, ours in (class_map or {}).items() if find_label(ours, bundle.info.classes)}
        opened = [open_dataset(path, bundle.info.classes, known) for path in datasets]
        model = _measure(bundle, name, opened, split=split, device=device, rounds=rounds, seed=seed, progress=progress)
        if models:
            model = replace(model, paired=_paired(models[0], model, target, rounds=rounds, seed=seed))
        if audit:
            place = cache or training_cache()
            audited = run_audits(
                bundle, opened[0], cache=place, split=split, seed=seed, device=device, progress=progress
            )
            model = replace(model, audited=audited)
        models.append(model)
    synthetic = any(bundle.info.synthetic for bundle in loaded) or any(dataset.synthetic for dataset in opened)
    result = CompareResult(
        models=tuple(models), target=target, split=split, synthetic=synthetic, published=published or {}
    )
    from covidcxr.report.comparison import write_comparison

    with atomic_directory(out) as folder:
        write_comparison(result, folder, command=command)
    return result


def _measure(
    bundle: Bundle,
    name: str,
    datasets: Sequence[Dataset],
    *,
    split: Split,
    device: str,
    rounds: int,
    seed: int,
    progress: Progress,
) -> ModelResult:
    from covidcxr.inference.predictor import Predictor

    predictor = Predictor.load(bundle.folder, device=device, gated=False)
    cohorts, seconds, images = [], 0.0, 0
    for dataset in datasets:
        internal = dataset.digest == bundle.info.dataset_digest
        samples, part = samples_to_judge(dataset, split, internal=internal)
        start = time.perf_counter()
        predictions = list(_predictions(predictor, dataset, samples, f"{name}: {dataset.name}", progress))
        seconds, images = seconds + time.perf_counter() - start, images + len(samples)
        cohort = cohort_from_predictions(f"{dataset.name}, {part}", bundle.info.classes, samples, predictions)
        report = evaluate_cohort(cohort, rounds=rounds, seed=seed, subgroups=False)
        cohorts.append(ModelCohort(cohort=cohort, report=report, internal=internal))
    return ModelResult(
        name=name, bundle=bundle, cohorts=tuple(cohorts), seconds_per_image=seconds / images, device=predictor.device
    )


def _predictions(
    predictor: Predictor, dataset: Dataset, samples: Sequence[Sample], label: str, progress: Progress
) -> Iterator[Prediction]:
    paths = [dataset.image_path(sample) for sample in samples]
    found = predictor.predict(paths, record_ids=[sample.record.record_id for sample in samples])
    return progress.track(found, total=len(samples), label=label)


def _paired(first: ModelResult, other: ModelResult, target: str, *, rounds: int, seed: int) -> tuple[Paired, ...]:
    return tuple(
        _pair(one.cohort, two.cohort, target, rounds=rounds, seed=seed)
        for one, two in zip(first.cohorts, other.cohorts, strict=True)
    )


def _pair(first: Cohort, other: Cohort, target: str, *, rounds: int, seed: int) -> Paired:
    """Compare ``other`` with ``first``: differences are other less first."""
    both = set(first.record_ids) & set(other.record_ids)
    one, two = (cohort.where(_among(cohort, both)) for cohort in (first, other))
    positive = one.labels == one.classes.index(target)
    scores = [cohort.probabilities[:, cohort.classes.index(target)] for cohort in (two, one)]
    same = one.classes == two.classes
    return Paired(
        dataset=first.name,
        num_cases=len(both),
        auroc=paired_delong(positive, *scores, groups=one.groups),
        mcnemar=mcnemar(two.predicted == two.labels, one.predicted == one.labels),
        metrics=bootstrap_difference(
            one.labels, two.probabilities, one.probabilities, one.classes, groups=one.groups, rounds=rounds, seed=seed
        )
        if same
        else {},
    )


def _among(cohort: Cohort, record_ids: set[str]) -> NDArray[np.bool_]:
    return np.array([record_id in record_ids for record_id in cohort.record_ids])


def _shared_target(bundles: Sequence[Bundle]) -> str:
    shared = [label for label in bundles[0].info.classes if all(label in bundle.info.classes for bundle in bundles)]
    if not shared:
        listing = "; ".join(f"{bundle.folder}: {', '.join(bundle.info.classes)}" for bundle in bundles)
        raise EvaluationError(f"the bundles share no class ({listing}); compare bundles that name the same disease")
    return target_class(shared)


def _names(bundles: Sequence[Bundle]) -> list[str]:
    """Return the recipe's name of each bundle, with its digest where two have the same."""
    names = [bundle.info.name for bundle in bundles]
    return [
        name if names.count(name) == 1 else f"{name} {bundle.bundle_id[:6]}"
        for name, bundle in zip(names, bundles, strict=True)
    ]
