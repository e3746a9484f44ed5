"""``evaluate``: a bundle and some datasets in, a report folder out.

The folder holds ``report.html``, ``report.json``, ``predictions.csv`` and ``figures/``; it appears whole or not at all.
How anything is measured or drawn is known to the rooms below.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from covidcxr.audit.findings import audit_findings
from covidcxr.audit.result import AuditResult
from covidcxr.audit.run import run_audits
from covidcxr.audit.shortcuts.age_alarms import age_alarms
from covidcxr.core.artefacts import atomic_directory, check_place
from covidcxr.core.digests import file_sha256, json_sha256
from covidcxr.core.errors import EvaluationError, ExplainError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.types import EvaluationReport, Split
from covidcxr.dataset.dataset import Dataset
from covidcxr.evaluation.age import read_age
from covidcxr.evaluation.published import PublishedResult, published_result
from covidcxr.evaluation.report import DEFAULT_ROUNDS
from covidcxr.evaluation.verdict import Evidence, judge, target_class
from covidcxr.metrics.bootstrap import Method
from covidcxr.models.bundle import Bundle
from covidcxr.models.bundle_info import BundleInfo
from covidcxr.pipeline.cohorts import (
    Answers,
    evaluate_dataset,
    open_dataset,
    prevalence_by_class,
    shared_with_training,
    training_cache,
    with_nuisance,
)
from covidcxr.pipeline.prediction_files import PredictionFile
from covidcxr.report.folder import JSON, read_reports, write_report
from covidcxr.report.history import read_history
from covidcxr.report.provenance import provenance
from covidcxr.report.study import CohortResult, Study

if TYPE_CHECKING:
    from covidcxr.explain.explainer import Explainer
    from covidcxr.inference.predictor import Predictor

_DEFAULT_SEED = 0


def evaluate(
    bundle: Path,
    datasets: Sequence[Path | Dataset],
    out: Path,
    *,
    split: Split = "test",
    device: str = "auto",
    backend: str | None = None,
    rounds: int | None = None,
    seed: int = _DEFAULT_SEED,
    class_map: Mapping[str, str] | None = None,
    prevalence: Mapping[str, float] | None = None,
    method: Method = "percentile",
    predictions: Sequence[Path] = (),
    pictures: bool = True,
    audit: bool = False,
    explain: bool = True,
    before: EvaluationReport | None = None,
    statements: Mapping[str, str] | None = None,
    command: str = "",
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> list[EvaluationReport]:
    """Measure what ``bundle`` is worth on ``datasets``, and write the report to the folder ``out``.

    The dataset the bundle was trained on (by digest) is the internal cohort and leads; any other is external. A
    report that stands there for the same bundle, datasets and settings is read, not made again.

    Args:
        bundle: Folder of the bundle.
        datasets: Compiled datasets or class-folder trees; open ones must have the bundle's classes.
        out: Folder of the report; an older report there is replaced.
        split: Which split; an external dataset without it is taken whole.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        backend: Of the predictor; None for its default.
        rounds: Bootstrap rounds; by default what the recipe says, else 2,000.
        seed: Of the bootstrap.
        class_map: A dataset's class to one of the bundle's, where the names differ.
        prevalence: Class to the prevalence at which its predictive values, and for the class whose detection matters
            also decision curve and sample sizes, are wanted.
        method: How intervals are taken from the bootstrap: ``percentile`` or ``bca``.
        predictions: Files of predictions, one a dataset, that are measured in the place of the network's; see
            `covidcxr.pipeline.prediction_files`.
        pictures: Put pictures of the surest mistakes into the report.
        audit: Also run the shortcut audits on the leading cohort (minutes).
        explain: Also make Grad-CAM heat maps of up to 200 films a cohort, and say how much of them is lung.
        before: What was measured of the bundle before, to be laid beside where no dataset is internal.
        statements: What the author states for the checklists (`covidcxr.report.checklists.statements`).
        command: What was typed, for the provenance.
        cache: Folder of packed images; by default the training's.
        progress: Who follows the work.

    Returns:
        One report a dataset, the internal ones first.

    Raises:
        BundleError: If the bundle is missing, partial or altered.
        DatasetError: If a dataset is missing, altered, or has a class that the bundle does not know.
        EvaluationError: If nothing can be evaluated, or predictions do not fit.
        OutputError: If ``out`` cannot be written, or holds something else.
    """
    start = time.perf_counter()
    if not datasets:
        raise EvaluationError("no dataset to evaluate on; expected at least one compiled dataset or class-folder tree")
    check_place(out, JSON, "report")
    loaded = Bundle.load(bundle)
    info = loaded.info
    rounds = rounds or int(_of_recipe(info, "evaluation", "bootstrap_rounds") or DEFAULT_ROUNDS)
    files = [PredictionFile(path, info.classes, bundle_id=loaded.bundle_id) for path in predictions]
    if files and len(files) != len(datasets):
        raise EvaluationError(f"{len(files)} files of predictions for {len(datasets)} datasets; expected one for each")
    opened, files = _internal_first(
        [open_dataset(path, info.classes, class_map or {}) for path in datasets], files, info
    )
    prevalence = prevalence_by_class(prevalence or {}, info.classes)
    settings = {
        "split": split,
        "rounds": rounds,
        "seed": seed,
        "pictures": pictures,
        "audit": audit,
        "explain": explain,
        "prevalence": prevalence,
        "intervals": method,
        "predictions": [file_sha256(file.path) for file in files],
        "statements": dict(statements or {}),
    }
    inputs = _inputs_digest(loaded, opened, settings, class_map or {}, before)
    earlier = read_reports(out, inputs)
    if earlier is not None:
        progress.message(f"{out}: the report of the same bundle and datasets is there; kept")
        return earlier
    answers: Sequence[Answers] = files or [_predictor(bundle, backend=backend, device=device)] * len(opened)
    smoothing = _label_smoothing(info)
    explainer, not_explained = _explainer(loaded, device) if explain and not files else (None, "")
    results = [
        evaluate_dataset(
            dataset,
            predictor,
            info,
            split=split,
            internal=dataset.digest == info.dataset_digest,
            rounds=rounds,
            seed=seed,
            method=method,
            label_smoothing=smoothing,
            pictures=pictures,
            prevalence=prevalence,
            explainer=explainer,
            progress=progress,
        )
        for dataset, predictor in zip(opened, answers, strict=True)
    ]
    cache = cache or training_cache()
    results = with_nuisance(results, opened, info, cache=cache, rounds=rounds, seed=seed, progress=progress)
    results = _with_leak_notes(results, opened)
    audits: tuple[AuditResult, ...] = ()
    if audit:
        audits = run_audits(
            loaded,
            opened[0],
            cache=cache,
            split=split,
            record_ids=frozenset(results[0].cohort.record_ids),
            rounds=min(rounds, 1000),
            seed=seed,
            device=device,
            progress=progress,
        ).results
    study = _study(loaded, results, audits, before, split=split, rounds=rounds, seed=seed, smoothing=smoothing)
    study = replace(study, method=method, prevalence=prevalence)
    facts = provenance(
        study, device=_device_words(answers, device), command=command, seconds=time.perf_counter() - start
    )
    study = replace(study, provenance=facts, not_explained=not_explained, statements=dict(statements or {}))
    with atomic_directory(out) as folder:
        write_report(study, folder, inputs=inputs, settings=settings)
    return [result.report for result in results]


def _study(
    bundle: Bundle,
    results: Sequence[CohortResult],
    audits: tuple[AuditResult, ...],
    before: EvaluationReport | None,
    *,
    split: str,
    rounds: int,
    seed: int,
    smoothing: float,
) -> Study:
    info = bundle.info
    target = target_class(info.classes)
    published = _published(info) if results[0].internal else None
    history, train = read_history(bundle, published)
    test_seen = split == "test" and results[0].internal and _validation_split(info) == "test"
    age = read_age([result.cohort for result in results], target, rounds=rounds, seed=seed)
    evidence = Evidence(
        cohorts=[result.evidence for result in results],
        test_seen=test_seen,
        synthetic=info.synthetic or any(result.dataset.synthetic for result in results),
        target=target,
        audits=audit_findings(audits) if audits else (),  # `audited` says that there are none
        audited=bool(audits),
        age=age,
        before=before,
    )
    return Study(
        info=info,
        bundle_id=bundle.bundle_id,
        results=tuple(results),
        target=target,
        verdict=judge(evidence),
        rounds=rounds,
        seed=seed,
        history=history,
        train=train,
        published=published,
        label_smoothing=smoothing,
        before=before,
        age=age,
        audits=tuple(age_alarms(age) if result.name == "age-alarms" else result for result in audits),
    )


def _internal_first(
    datasets: Sequence[Dataset], files: Sequence[PredictionFile], info: BundleInfo
) -> tuple[list[Dataset], list[PredictionFile]]:
    order = sorted(range(len(datasets)), key=lambda position: datasets[position].digest != info.dataset_digest)
    return [datasets[position] for position in order], [files[position] for position in order] if files else []


def _with_leak_notes(results: Sequence[CohortResult], datasets: Sequence[Dataset]) -> list[CohortResult]:
    noted = list(results)
    for position, (trained, copied) in shared_with_training(results, datasets).items():
        report = results[position].report
        where = f"{trained} of its files are byte for byte in the training images"
        if copied > trained:
            where = f"{copied} of its files are byte for byte in the network's own dataset, {trained} in its training"
        note = f"{where}: it is not wholly external."
        noted[position] = replace(
            results[position],
            report=replace(report, notes=(*report.notes, note)),
            in_training=trained,
            copied=copied,
        )
    return noted


def _inputs_digest(
    bundle: Bundle,
    datasets: Sequence[Dataset],
    settings: Mapping[str, Any],
    class_map: Mapping[str, str],
    before: EvaluationReport | None,
) -> str:
    return json_sha256(
        {
            "bundle": bundle.bundle_id,
            "datasets": [dataset.digest for dataset in datasets],
            "names": [dataset.name for dataset in datasets],
            "settings": dict(settings),
            "class_map": dict(class_map),
            "release": bundle.info.release,
            "before": None if before is None else [before.cohort, before.num_images],
        }
    )


def _predictor(bundle: Path, *, backend: str | None, device: str) -> Predictor:
    from covidcxr.inference.predictor import Predictor

    # The dataset decides what is judged: a film that the gate would refuse is part of what is measured.
    return Predictor.load(bundle, backend=backend, device=device, gated=False)


def _explainer(bundle: Bundle, device: str) -> tuple[Explainer | None, str]:
    """Return what makes the heat maps, or why this network has none."""
    from covidcxr.explain.explainer import Explainer

    explainer = Explainer.load(bundle, device=device)
    try:
        explainer.check_network()
    except ExplainError as error:
        return None, str(error)
    return explainer, ""


def _device_words(answers: Sequence[Answers], asked: str) -> str:
    return ", ".join(dict.fromkeys(str(getattr(one, "device", "") or asked) for one in answers))


def _published(info: BundleInfo) -> PublishedResult | None:
    name = str(_of_recipe(info, "evaluation", "published") or "")
    result = published_result(name) if name else None
    return result if result is None or not result.classes or set(result.classes) <= set(info.classes) else None


def _validation_split(info: BundleInfo) -> str:
    return info.history.validation_split or str(_of_recipe(info, "training", "validation") or "")


def _label_smoothing(info: BundleInfo) -> float:
    """Return the smoothing in Keras's terms; the paper's puts eps / (N - 1) on each other class instead of eps / N."""
    loss = _of_recipe(info, "training", "loss") or {}
    smoothing = float(loss.get("label_smoothing", 0.0))
    num_classes = len(info.classes)
    return smoothing * num_classes / (num_classes - 1) if loss.get("smoothing_kind") == "paper" else smoothing


def _of_recipe(info: BundleInfo, *keys: str) -> Any:
    value: Any = info.recipe
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
