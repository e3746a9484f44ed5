"""Run every audit of the registry on a bundle and a dataset, and reach the verdict.

Where the outcome is written is known to ``report``.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from covidcxr.audit.context import AuditContext, ImageSet, Judge
from covidcxr.audit.findings import audit_findings
from covidcxr.audit.judge import BundleJudge
from covidcxr.audit.lung_regions import FieldMasker
from covidcxr.audit.result import AuditResult
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.core.errors import DatasetError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.types import EvaluationReport, Sample, Split
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.packed import pack
from covidcxr.evaluation.cohort import Cohort, subgroup_columns
from covidcxr.evaluation.confounds import find_confounding
from covidcxr.evaluation.report import evaluate_cohort
from covidcxr.evaluation.verdict import CohortEvidence, Evidence, Verdict, target_class
from covidcxr.evaluation.verdict import judge as decide
from covidcxr.models.bundle import Bundle

FILM_SIDE = 256  # pixels lungs are found at
MAX_TRAIN = 1200  # images the probes are fitted on; more change little and take longer
DEFAULT_ROUNDS = 1000


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
    rounds: int = DEFAULT_ROUNDS,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = SILENT,
) -> Audited:
    """Audit a bundle on a dataset.

    Args:
        bundle: A bundle or its folder.
        dataset: A dataset or its folder (compiled, or a tree of class folders).
        cache: Folder for the packed images.
        split: The part to audit; probes are fitted on ``train`` where there is one.
        names: Which audits; None runs all.
        rounds: Bootstrap rounds of each interval.
        seed: Of everything random.
        device: Where the network runs.
        progress: Listens.

    Raises:
        BundleError: If the bundle is not whole.
        DatasetError: If the dataset is not whole, has no such split, or one class only.
        RegistryError: If there is no such audit.
    """
    loaded = bundle if isinstance(bundle, Bundle) else Bundle.load(bundle)
    opened = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset, classes=loaded.info.classes)
    chosen = [(name, AUDITS.get(name)) for name in names or AUDITS.names()]
    judge = BundleJudge(loaded, device=device)
    context = build_context(
        loaded, opened, judge, cache=cache, split=split, rounds=rounds, seed=seed, progress=progress
    )
    results, seconds = [], {}
    for name, audit in progress.track(chosen, total=len(chosen), label="audit"):
        progress.status(name)
        start = time.perf_counter()
        results.append(audit(context))
        seconds[name] = round(time.perf_counter() - start, 2)
    evidence = _cohort_evidence(context, opened, split, internal=opened.digest == loaded.info.dataset_digest)
    verdict = decide(
        Evidence(
            cohorts=[evidence],
            test_seen=split == "test" and evidence.internal and loaded.info.history.validation_split == "test",
            synthetic=loaded.info.synthetic or opened.synthetic,
            target=context.focus,
            audits=audit_findings(results),
            audited=True,
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
    *,
    cache: Path,
    split: Split,
    rounds: int,
    seed: int,
    progress: Progress,
) -> AuditContext:
    """Pack the images of a dataset for its audits.

    Raises:
        DatasetError: If the part has no images, or of one class only.
    """
    spec = bundle.info.preprocess.spec()
    classes = bundle.info.classes
    samples = dataset.split(split)
    present = {sample.label for sample in samples}
    if len(present) < 2:
        raise DatasetError(
            f"{dataset.root}: split {split!r} holds only {', '.join(present)}; an audit needs two classes"
        )
    train = () if split == "train" else tuple(sample for sample in dataset.samples if sample.split == "train")
    train = thinned(train, classes, MAX_TRAIN, np.random.default_rng([seed, 5]))
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
        rounds=rounds,
        seed=seed,
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


def _cohort_evidence(context: AuditContext, dataset: Dataset, split: Split, *, internal: bool) -> CohortEvidence:
    samples = dataset.split(split)
    cohort = Cohort(
        name=dataset.name,
        classes=context.classes,
        record_ids=tuple(sample.record.record_id for sample in samples),
        labels=context.test.labels,
        probabilities=context.baseline,
        groups=context.test.groups,
        columns=subgroup_columns(samples),
    )
    return CohortEvidence(
        report=evaluate_cohort(cohort, rounds=context.rounds, seed=context.seed, subgroups=False),
        confounding=find_confounding(samples, context.classes),
        internal=internal,
    )


def _image_set(
    images: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], samples: Sequence[Sample], classes: Sequence[str]
) -> ImageSet:
    records = [sample.record for sample in samples]
    ages = [np.nan if record.age_years is None else record.age_years for record in records]
    return ImageSet(
        images=images,
        labels=np.array([classes.index(sample.label) for sample in samples], dtype=np.int64),
        groups=np.array([sample.group_id for sample in samples]),
        sources=np.array([record.source for record in records]),
        ages=np.array(ages, dtype=np.float64),
    )
