"""Run every audit of the registry on a bundle and a dataset, and reach the verdict.

Where the outcome is written is known to ``report``.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from covidcxr.audit.context import AUDIT_INTERVALS, AuditContext, ImageSet, Judge
from covidcxr.audit.findings import audit_findings
from covidcxr.audit.judge import BundleJudge
from covidcxr.audit.lung_regions import FieldMasker
from covidcxr.audit.result import AuditResult
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.core.errors import DatasetError, ImageReadError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.types import EvaluationReport, Sample, Split
from covidcxr.curation.split_copies import split_copies
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.packed import pack
from covidcxr.dataset.tables import age_span
from covidcxr.evaluation.age import read_age
from covidcxr.evaluation.cohort import Cohort, subgroup_columns
from covidcxr.evaluation.confounds import find_confounding
from covidcxr.evaluation.evidence import (
    NO_SPLIT_COPIES,
    CohortEvidence,
    Evidence,
    Verdict,
    part_in_training,
    target_class,
)
from covidcxr.evaluation.report import evaluate_cohort
from covidcxr.evaluation.verdict import judge as decide
from covidcxr.imaging.reading import read_gray8
from covidcxr.metrics.settings import IntervalSettings
from covidcxr.models.bundle import Bundle

FILM_SIDE = 256  # pixels lungs are found at
MAX_TRAIN = 1200  # images the probes are fitted on; more change little and take longer


@dataclass(frozen=True, kw_only=True, eq=False)
class Audited:
    """Everything one run of the audits found.

    Attributes:
        bundle: Of the network.
        dataset: Of the images.
        split: Which of its parts was audited.
        context: What the audits worked on.
        results: One for each audit, in the order of the registry.
        report: The network's figures on the audited images.
        verdict: From the results, the figures and the dataset's facts.
        seconds: Wall time of each audit.
        device: Where the network ran.
    """

    bundle: Bundle
    dataset: Dataset
    split: Split
    context: AuditContext
    results: tuple[AuditResult, ...]
    report: EvaluationReport
    verdict: Verdict
    seconds: dict[str, float]
    device: str


def run_audits(
    bundle: Path | Bundle,
    dataset: Path | Dataset,
    *,
    cache: Path,
    split: Split = "test",
    names: Sequence[str] | None = None,
    record_ids: Collection[str] | None = None,
    intervals: IntervalSettings = AUDIT_INTERVALS,
    device: str = "auto",
    progress: Progress = SILENT,
) -> Audited:
    """Audit a bundle on a dataset. An image that cannot be read is left out, and a note counts them.

    Args:
        bundle: A bundle or its folder.
        dataset: A dataset or its folder (compiled, or a tree of class folders).
        cache: Folder for the packed images.
        split: The part to audit; probes are fitted on ``train`` where there is one.
        names: Which audits; None runs all.
        record_ids: Which images, of any part; None takes all of ``split``.
        intervals: How intervals are made; the seed is that of everything random.
        device: Where the network runs.
        progress: Listens.

    Raises:
        BundleError: If the bundle is not whole.
        DatasetError: If the dataset is not whole, has no such split, or one class only, or no image of it can be read.
        RegistryError: If there is no such audit.
    """
    loaded = bundle if isinstance(bundle, Bundle) else Bundle.load(bundle)
    opened = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset, classes=loaded.info.classes)
    chosen = [(name, AUDITS.get(name)) for name in names or AUDITS.names()]
    judge = BundleJudge(loaded, device=device)
    part = opened.split(split) if record_ids is None else _chosen(opened, record_ids)
    samples = readable(opened, part, loaded, cache=cache, progress=progress)
    context = build_context(
        loaded, opened, judge, samples, cache=cache, split=split, intervals=intervals, progress=progress
    )
    results, seconds = [], {}
    for name, audit in progress.track(chosen, total=len(chosen), label="audit"):
        progress.status(name)
        start = time.perf_counter()
        results.append(audit(context))
        seconds[name] = round(time.perf_counter() - start, 2)
    validated_on = loaded.info.history.validation_split
    cohort = _cohort(context, opened.name, samples, num_unread=len(part) - len(samples))
    internal = opened.digest == loaded.info.dataset_digest
    evidence = CohortEvidence(
        report=evaluate_cohort(cohort, intervals=intervals, subgroups=False),
        confounding=find_confounding(samples, context.classes),
        internal=internal,
        trained_on=part_in_training(split, validated_on=validated_on) if internal else "",
        crossing=split_copies(opened, cohort.record_ids) if internal else NO_SPLIT_COPIES,
    )
    verdict = decide(
        Evidence(
            cohorts=[evidence],
            test_seen=split == "test" and internal and validated_on == "test",
            synthetic=loaded.info.synthetic or opened.synthetic,
            target=context.focus,
            audits=audit_findings(results),
            audited=True,
            age=read_age([cohort], context.focus),
        )
    )
    return Audited(
        bundle=loaded,
        dataset=opened,
        split=split,
        context=context,
        results=tuple(results),
        report=evidence.report,
        verdict=verdict,
        seconds=seconds,
        device=judge.device,
    )


def build_context(
    bundle: Bundle,
    dataset: Dataset,
    judge: Judge,
    samples: Sequence[Sample],
    *,
    cache: Path,
    split: Split,
    intervals: IntervalSettings,
    progress: Progress,
) -> AuditContext:
    """Pack ``samples``, which are of ``split`` of ``dataset`` and can be read, for the audits.

    Raises:
        DatasetError: If they are of one class only.
    """
    spec = bundle.info.preprocess.spec()
    classes = bundle.info.classes
    present = {sample.label for sample in samples}
    if len(present) < 2:
        raise DatasetError(
            f"{dataset.root}: split {split!r} holds only {', '.join(present)}; an audit needs two classes"
        )
    judged = {sample.record.record_id for sample in samples}
    train = tuple(s for s in dataset.samples if s.split == "train" and s.record.record_id not in judged)
    train = thinned(train, classes, MAX_TRAIN, np.random.default_rng([intervals.seed, 5]))
    train = readable(dataset, train, bundle, cache=cache, progress=progress) if train else ()
    seen = functools.partial(pack, dataset, region=spec.region, crop=spec.crop, cache=cache, progress=progress)
    films, small = seen(samples, size=FILM_SIDE), seen(samples, size=spec.size)
    fitted = seen(train, size=spec.size) if train else None
    enough = len({sample.label for sample in train}) == len(present)
    return AuditContext(
        classes=classes,
        focus=target_class(tuple(label for label in classes if label in present)),
        test=_image_set(np.asarray(small.images), samples, classes),
        films=np.asarray(films.images),
        train=_image_set(np.asarray(fitted.images), train, classes) if fitted is not None and enough else None,
        judge=judge,
        masker=FieldMasker(progress),
        intervals=intervals,
        progress=progress,
    )


def thinned(
    samples: Sequence[Sample], classes: Sequence[str], most: int, generator: np.random.Generator
) -> tuple[Sample, ...]:
    """Return at most ``most`` samples, as many of each class as there are, up to an equal share."""
    kept: list[Sample] = []
    for label in classes:
        members = [sample for sample in samples if sample.label == label]
        chosen = generator.permutation(len(members))[: max(1, most // len(classes))]
        kept += [members[index] for index in sorted(chosen)]
    return tuple(kept)


def readable(
    dataset: Dataset, samples: Sequence[Sample], bundle: Bundle, *, cache: Path, progress: Progress
) -> tuple[Sample, ...]:
    """Return the samples whose image can be read; only where one cannot is each of them tried.

    Raises:
        DatasetError: If none can be read.
    """
    spec = bundle.info.preprocess.spec()
    try:
        pack(dataset, samples, size=spec.size, region=spec.region, crop=spec.crop, cache=cache, progress=progress)
    except ImageReadError:
        kept = tuple(sample for sample in samples if _can_be_read(dataset, sample))
        if kept:
            return kept
        raise DatasetError(f"{dataset.root}: not one of {len(samples)} images can be read") from None
    return tuple(samples)


def _chosen(dataset: Dataset, record_ids: Collection[str]) -> tuple[Sample, ...]:
    return tuple(sample for sample in dataset.samples if sample.record.record_id in record_ids)


def _can_be_read(dataset: Dataset, sample: Sample) -> bool:
    try:
        read_gray8(dataset.image_path(sample))
    except ImageReadError:
        return False
    return True


def _cohort(context: AuditContext, name: str, samples: Sequence[Sample], *, num_unread: int) -> Cohort:
    unread = f"{num_unread} of {len(samples) + num_unread} images could not be read and are in no number here."
    return Cohort(
        name=name,
        classes=context.classes,
        record_ids=tuple(sample.record.record_id for sample in samples),
        labels=context.test.labels,
        probabilities=context.baseline,
        groups=context.test.groups,
        columns=subgroup_columns(samples),
        notes=(unread,) if num_unread else (),
    )


def _image_set(
    images: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], samples: Sequence[Sample], classes: Sequence[str]
) -> ImageSet:
    records = [sample.record for sample in samples]
    spans = [age_span(record) for record in records]
    ages = [np.nan if span is None else sum(span) / 2 for span in spans]
    return ImageSet(
        images=images,
        labels=np.array([classes.index(sample.label) for sample in samples], dtype=np.int64),
        groups=np.array([sample.group_id for sample in samples]),
        sources=np.array([record.source for record in records]),
        ages=np.array(ages, dtype=np.float64),
    )
