"""``compare``: several bundles on the same datasets, side by side, with the uncertainty of every difference.

The first bundle is the reference that the others are compared with, on the same cases and the same resampled patients.
The folder holds ``report.html``, ``report.json`` and ``figures/``; it is written atomically.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covidcxr.audit.context import AUDIT_INTERVALS
from covidcxr.audit.run import Audited, run_audits
from covidcxr.core.artefacts import atomic_directory, check_place
from covidcxr.core.errors import EvaluationError
from covidcxr.core.labels import find_label
from covidcxr.core.progress import SILENT, Progress
from covidcxr.dataset.dataset import Dataset
from covidcxr.evaluation.cohort import Cohort
from covidcxr.evaluation.report import evaluate_cohort
from covidcxr.evaluation.settings import DEFAULT_SETTINGS, EvaluationSettings, refuse_unused
from covidcxr.evaluation.verdict import target_class
from covidcxr.metrics.comparison import mcnemar, paired_delong, paired_differences
from covidcxr.metrics.settings import IntervalSettings
from covidcxr.models.bundle import Bundle
from covidcxr.outputs.report_files import JSON
from covidcxr.pipeline.cohorts import open_dataset, predicted_cohort, samples_to_judge, training_cache
from covidcxr.report.comparison_result import CompareResult, ModelCohort, ModelResult, Paired

_USED = ("split", "rounds", "seed", "method", "class_map", "audit")


def compare(
    bundles: Sequence[Path],
    datasets: Sequence[Path],
    out: Path,
    *,
    settings: EvaluationSettings = DEFAULT_SETTINGS,
    published: Mapping[str, float] | None = None,
    device: str = "auto",
    command: str = "",
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> CompareResult:
    """Measure ``bundles`` on ``datasets`` and write the comparison to the folder ``out``.

    Args:
        bundles: Folders of two bundles or more; the first is the reference.
        datasets: Compiled datasets or class-folder trees.
        out: Folder of the report; an older report there is replaced.
        settings: What is measured, and how: ``split``, ``rounds``, ``seed``, ``method``, ``class_map`` and ``audit``,
            which audits each bundle on the first dataset.
        published: Network to the accuracy that a publication gives it.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        command: What was typed, for the provenance.
        cache: Folder of packed images; by default the training's.
        progress: Progress reporter.

    Raises:
        CovidCxrError: If a bundle or dataset is not whole, or the bundles share no class to compare by.
    """
    if len(bundles) < 2 or not datasets:
        raise EvaluationError(
            f"found {len(bundles)} bundles and {len(datasets)} datasets; expected two bundles and one dataset"
        )
    refuse_unused(settings, "compare", _USED)
    check_place(out, JSON, "report", [*map(Path, bundles), *map(Path, datasets)])
    loaded = [Bundle.load(path) for path in bundles]
    target = _shared_target(loaded)
    models: list[ModelResult] = []
    for bundle, name in zip(loaded, _names(loaded), strict=True):
        classes = bundle.info.classes
        known = {theirs: ours for theirs, ours in settings.class_map.items() if find_label(ours, classes)}
        opened = [open_dataset(path, classes, known) for path in datasets]
        audited = (
            run_audits(
                bundle,
                opened[0],
                cache=cache or training_cache(),
                split=settings.split,
                intervals=settings.intervals().at_most(AUDIT_INTERVALS.rounds),
                device=device,
                progress=progress,
            )
            if settings.audit
            else None
        )
        reference = models[0].cohorts if models else None
        models.append(
            _measure(
                bundle,
                name,
                opened,
                settings=settings,
                target=target,
                reference=reference,
                audited=audited,
                device=device,
                progress=progress,
            )
        )
    synthetic = any(bundle.info.synthetic for bundle in loaded) or any(dataset.synthetic for dataset in opened)
    result = CompareResult(
        models=tuple(models), target=target, split=settings.split, synthetic=synthetic, published=published or {}
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
    settings: EvaluationSettings,
    target: str,
    reference: Sequence[ModelCohort] | None,
    audited: Audited | None,
    device: str,
    progress: Progress,
) -> ModelResult:
    from covidcxr.inference.predictor import Predictor

    predictor = Predictor.load(bundle.folder, device=device, gated=False)
    intervals, cohorts, seconds, images = settings.intervals(), [], 0.0, 0
    for dataset in datasets:
        internal = dataset.digest == bundle.info.dataset_digest
        samples, part = samples_to_judge(dataset, settings.split, internal=internal)
        start = time.perf_counter()
        cohort = predicted_cohort(
            f"{dataset.name}, {part}",
            dataset,
            samples,
            predictor,
            bundle.info.classes,
            progress=progress,
            label=f"{name}: {dataset.name}",
        )
        seconds, images = seconds + time.perf_counter() - start, images + len(samples)
        report = evaluate_cohort(cohort, intervals=intervals, subgroups=False)
        cohorts.append(ModelCohort(cohort=cohort, report=report, internal=internal))
    return ModelResult(
        name=name,
        bundle=bundle,
        cohorts=tuple(cohorts),
        seconds_per_image=seconds / images,
        device=predictor.device,
        paired=tuple(
            _pair(first.cohort, other.cohort, target, intervals)
            for first, other in zip(reference, cohorts, strict=True)
        )
        if reference is not None
        else (),
        audited=audited,
    )


def _pair(first: Cohort, other: Cohort, target: str, intervals: IntervalSettings) -> Paired:
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
        metrics=paired_differences(
            one.labels, two.probabilities, one.probabilities, one.classes, groups=one.groups, intervals=intervals
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
