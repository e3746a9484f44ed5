"""``evaluate``: a bundle and some datasets in, a report folder out.

The folder holds ``report.html``, ``report.json``, ``predictions.csv``, ``figures/`` and ``evidence/``; it is written
atomically. How anything is measured or drawn is left to the packages below.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from covidcxr.audit.findings import audit_findings
from covidcxr.audit.result import AuditResult
from covidcxr.audit.run import run_audits
from covidcxr.audit.shortcuts.age_alarms import age_alarms
from covidcxr.core.artefacts import atomic_directory, check_place
from covidcxr.core.digests import file_sha256, json_sha256
from covidcxr.core.errors import EvaluationError, ExplainError, TrainingError
from covidcxr.core.left_out import LEFT_OUT_FILE, write_left_out
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.types import EvaluationReport
from covidcxr.dataset.dataset import Dataset
from covidcxr.evaluation.age import read_age
from covidcxr.evaluation.published import published_by
from covidcxr.evaluation.settings import DEFAULT_SETTINGS, EvaluationSettings
from covidcxr.evaluation.verdict import Evidence, judge, target_class
from covidcxr.metrics.settings import DEFAULT_ROUNDS
from covidcxr.models.bundle import Bundle
from covidcxr.models.history import HISTORY_FILE, History, read_history
from covidcxr.outputs.report_files import JSON
from covidcxr.pipeline.cohorts import (
    Answers,
    Measuring,
    evaluate_dataset,
    open_dataset,
    prevalence_by_class,
    training_cache,
)
from covidcxr.pipeline.own_dataset import OwnDataset
from covidcxr.pipeline.prediction_files import PredictionFile
from covidcxr.report.folder import read_reports, write_report
from covidcxr.report.history import training_curves
from covidcxr.report.provenance import provenance
from covidcxr.report.study import Study

if TYPE_CHECKING:
    from covidcxr.explain.explainer import Explainer
    from covidcxr.inference.predictor import Predictor


def evaluate(
    bundle: Path | Bundle,
    datasets: Sequence[Path | Dataset],
    out: Path,
    *,
    settings: EvaluationSettings = DEFAULT_SETTINGS,
    predictions: Sequence[Path] = (),
    before: EvaluationReport | None = None,
    backend: str | None = None,
    device: str = "auto",
    command: str = "",
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> list[EvaluationReport]:
    """Measure what ``bundle`` is worth on ``datasets``, and write the report to the folder ``out``.

    The dataset the bundle was trained on (by digest) is the internal cohort and leads; any other is external. A
    report that stands there for the same bundle, datasets and settings is read, not made again.

    Args:
        bundle: A bundle or its folder.
        datasets: Compiled datasets or class-folder trees; open ones must have the bundle's classes.
        out: Folder of the report; an older report there is replaced.
        settings: What is measured, and how.
        predictions: Files of predictions, one for each dataset, that are measured in place of the network's; see
            `covidcxr.pipeline.prediction_files`.
        before: What was measured of the bundle before, to be laid beside where no dataset is internal.
        backend: Of the predictor; None for its default.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        command: What was typed, for the provenance.
        cache: Folder of packed images; by default the training's.
        progress: Progress reporter.

    Returns:
        One report for each dataset, the internal ones first.

    Raises:
        BundleError: If the bundle is missing, partial or altered.
        DatasetError: If a dataset is missing, altered, or has a class that the bundle does not know.
        EvaluationError: If nothing can be evaluated, or predictions do not fit.
        OutputError: If ``out`` cannot be written, or holds something else.
    """
    start = time.perf_counter()
    if not datasets:
        raise EvaluationError("no dataset to evaluate on; expected at least one compiled dataset or class-folder tree")
    folders = [data.root if isinstance(data, Dataset) else Path(data) for data in datasets]
    folders.append(bundle.folder if isinstance(bundle, Bundle) else Path(bundle))
    check_place(out, JSON, "report", [*folders, *predictions])
    loaded = bundle if isinstance(bundle, Bundle) else Bundle.load(bundle)
    request = _request(loaded, datasets, settings, predictions, before)
    document = request.settings.document() | {"predictions": [file_sha256(file.path) for file in request.files]}
    inputs = request.digest(document)
    earlier = read_reports(out, inputs)
    if earlier is not None:
        progress.message(f"{out}: the report of the same bundle and datasets is there; kept")
        return earlier
    study = _measure(
        request, backend=backend, device=device, command=command, cache=cache, start=start, progress=progress
    )
    with atomic_directory(out) as folder:
        write_report(study, folder, inputs=inputs, settings=document)
        passed_over = [item for dataset in request.datasets for item in dataset.left_out]
        if passed_over:
            write_left_out(folder / LEFT_OUT_FILE, passed_over)
    return [result.report for result in study.results]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Request:
    """What is to be evaluated, opened and checked.

    Attributes:
        bundle: The network.
        datasets: Open, the internal one first; ``files`` are the predictions of each, or empty.
        settings: With the number of rounds, and the prevalence under the bundle's names of the classes.
        before: What was measured of the bundle before.
    """

    bundle: Bundle
    datasets: Sequence[Dataset]
    files: Sequence[PredictionFile]
    settings: EvaluationSettings
    before: EvaluationReport | None

    def digest(self, settings: Mapping[str, Any]) -> str:
        """Return the digest of everything that the report follows from; ``settings`` as the report writes them."""
        return json_sha256(
            {
                "bundle": self.bundle.bundle_id,
                "datasets": [dataset.digest for dataset in self.datasets],
                "names": [dataset.name for dataset in self.datasets],
                "settings": dict(settings),
                "class_map": dict(self.settings.class_map),
                "release": self.bundle.info.release,
                "before": None if self.before is None else [self.before.cohort, self.before.num_images],
            }
        )


def _request(
    bundle: Bundle,
    datasets: Sequence[Path | Dataset],
    settings: EvaluationSettings,
    predictions: Sequence[Path],
    before: EvaluationReport | None,
) -> _Request:
    info = bundle.info
    files = [PredictionFile(path, info.classes, bundle_id=bundle.bundle_id) for path in predictions]
    if files and len(files) != len(datasets):
        raise EvaluationError(f"{len(files)} files of predictions for {len(datasets)} datasets; expected one for each")
    opened = [open_dataset(path, info.classes, settings.class_map) for path in datasets]
    order = sorted(range(len(opened)), key=lambda position: opened[position].digest != info.dataset_digest)
    default_rounds = bundle.recipe.evaluation.bootstrap_rounds if bundle.recipe else DEFAULT_ROUNDS
    return _Request(
        bundle=bundle,
        datasets=[opened[position] for position in order],
        files=[files[position] for position in order] if files else [],
        settings=replace(
            settings,
            rounds=settings.rounds or default_rounds,
            pictures=settings.pictures is not False,
            prevalence=prevalence_by_class(settings.prevalence, info.classes),
        ),
        before=before,
    )


def _measure(
    request: _Request,
    *,
    backend: str | None,
    device: str,
    command: str,
    cache: Path | None,
    start: float,
    progress: Progress,
) -> Study:
    """Predict, measure, audit and judge."""
    bundle, settings, info = request.bundle, request.settings, request.bundle.info
    recipe, intervals, cache = bundle.recipe, settings.intervals(), cache or training_cache()
    answers: Sequence[Answers] = request.files or [_predictor(bundle, backend, device)] * len(request.datasets)
    explainer, not_explained = _explainer(bundle, device) if settings.explain and not request.files else (None, "")
    home = next((dataset for dataset in request.datasets if dataset.digest == info.dataset_digest), None)
    smoothing = recipe.training.loss.keras_smoothing(len(info.classes)) if recipe else 0.0
    measuring = Measuring(
        info=info,
        settings=settings,
        intervals=intervals,
        label_smoothing=smoothing,
        own=OwnDataset(dataset=home, info=info, cache=cache, progress=progress) if home is not None else None,
        explainer=explainer,
        progress=progress,
    )
    results = tuple(
        evaluate_dataset(dataset, answering, measuring)
        for dataset, answering in zip(request.datasets, answers, strict=True)
    )
    audits: tuple[AuditResult, ...] = ()
    if settings.audit:
        audits = run_audits(
            bundle,
            request.datasets[0],
            cache=cache,
            split=settings.split,
            record_ids=frozenset(results[0].cohort.record_ids),
            intervals=intervals.at_most(1000),
            device=device,
            progress=progress,
        ).results
    target = target_class(info.classes)
    age = read_age([result.cohort for result in results], target)
    published = published_by(recipe, info.classes) if results[0].internal else None
    history = _history(bundle, progress)
    return Study(
        info=info,
        bundle_id=bundle.bundle_id,
        recipe=recipe,
        results=results,
        target=target,
        verdict=judge(
            Evidence(
                cohorts=[result.evidence for result in results],
                test_seen=settings.split == "test" and results[0].internal and _validation_split(bundle) == "test",
                synthetic=info.synthetic or any(result.dataset.synthetic for result in results),
                target=target,
                audits=audit_findings(audits) if audits else (),  # `audited` says that there are none
                audited=bool(audits),
                age=age,
                before=request.before,
            )
        ),
        intervals=intervals,
        prevalence=settings.prevalence,
        history=training_curves(bundle, history, published),
        train=info.history.train or (history.epochs[-1].train if history and history.epochs else {}),
        published=published,
        label_smoothing=smoothing,
        before=request.before,
        age=age,
        audits=tuple(age_alarms(age) if result.name == "age-alarms" else result for result in audits),
        not_explained=not_explained,
        statements=settings.statements,
        provenance=provenance(
            bundle,
            results,
            intervals,
            device=_device_words(answers, device),
            command=command,
            seconds=time.perf_counter() - start,
        ),
    )


def _predictor(bundle: Bundle, backend: str | None, device: str) -> Predictor:
    from covidcxr.inference.predictor import Predictor

    # The dataset decides what is judged: an image that the gate would refuse is part of what is measured.
    return Predictor.load(bundle.folder, backend=backend, device=device, gated=False)


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


def _history(bundle: Bundle, progress: Progress) -> History | None:
    try:
        return read_history(bundle.folder.parent / HISTORY_FILE)
    except TrainingError as error:
        progress.message(f"no training curves in the report: {error}")
        return None


def _validation_split(bundle: Bundle) -> str:
    return bundle.info.history.validation_split or (bundle.recipe.training.validation if bundle.recipe else "")
