"""From a dataset and a predictor to an evaluated cohort, with what else its images give away."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from covidcxr.core.errors import EvaluationError
from covidcxr.core.labels import find_label
from covidcxr.core.progress import Progress
from covidcxr.core.types import SPLITS, Prediction, Radiograph, Sample, Split, View
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.hospital import SOURCE
from covidcxr.dataset.packed import pack
from covidcxr.dataset.tables import age_span
from covidcxr.evaluation.cohort import Cohort, cohort_from_predictions
from covidcxr.evaluation.confounds import find_confounding
from covidcxr.evaluation.evidence import part_in_training
from covidcxr.evaluation.nuisance import NuisanceResult, intensity_features, nuisance_baseline
from covidcxr.evaluation.report import evaluate_cohort
from covidcxr.imaging.encoding import encode_jpeg, shrink, to_uint8
from covidcxr.imaging.reading import read
from covidcxr.metrics.bootstrap import Method
from covidcxr.models.bundle_info import BundleInfo
from covidcxr.outputs.page import Picture
from covidcxr.pipeline.explanations import explain_cohort
from covidcxr.report.study import CohortResult, DatasetFacts

if TYPE_CHECKING:
    from covidcxr.explain.explainer import Explainer

_LABORATORY = re.compile(r"\bPCR\b|\bswab", re.IGNORECASE)
_NUM_MISTAKES = 15
_PICTURE_SIDE = 224
_PICTURE_QUALITY = 78


class Answers(Protocol):
    """Whoever predicts: a `covidcxr.inference.predictor.Predictor`, or a file of its predictions."""

    def predict(self, inputs: Iterable[Path], record_ids: Iterable[str]) -> Iterator[Prediction]:
        """Return one prediction an input, under its record_id."""
        ...


def training_cache() -> Path:
    """Return the folder in which a training packs its images, so that an evaluation finds them."""
    from covidcxr.training.loading import default_cache

    return default_cache()


def open_dataset(path: Path | Dataset, classes: Sequence[str], class_map: Mapping[str, str]) -> Dataset:
    """Open a dataset, or take one that is open, with its classes renamed to ``classes``.

    Names in ``class_map`` are renamed by it, the others by what they mean.

    Raises:
        DatasetError: If it is missing, altered, or has a class that is none of ``classes`` and is not mapped.
        EvaluationError: If ``class_map`` maps to a class that the bundle does not have.
    """
    for name, ours in class_map.items():
        if find_label(ours, classes) is None:
            raise EvaluationError(
                f"--map {name}={ours}: {ours!r} is none of the bundle's classes, {', '.join(classes)}"
            )
    if isinstance(path, Dataset):
        return path
    theirs = [name for name in class_map if find_label(name, classes) is None]
    opened = Dataset.open(path, classes=[*classes, *theirs])
    renamed = {label: find_label(class_map.get(label, label), classes) or label for label in opened.classes}
    samples = tuple(replace(sample, label=renamed[sample.label]) for sample in opened.samples)
    return replace(opened, manifest=replace(opened.manifest, samples=samples, classes=tuple(classes)))


def prevalence_by_class(prevalence: Mapping[str, float], classes: Sequence[str]) -> dict[str, float]:
    """Return the prevalence of classes under the bundle's names for them.

    Raises:
        EvaluationError: If a name means none of them.
    """
    found = {}
    for name, share in prevalence.items():
        label = find_label(name, classes)
        if label is None:
            raise EvaluationError(
                f"--prevalence {name}={share:g}: {name!r} is none of the bundle's classes, {', '.join(classes)}"
            )
        found[label] = share
    return found


def samples_to_judge(dataset: Dataset, split: Split, *, internal: bool) -> tuple[tuple[Sample, ...], str]:
    """Return the samples of ``split`` and what to call them; all of an external dataset that has no such split.

    Raises:
        DatasetError: If the dataset the network was trained on has no such split.
    """
    if not internal and not any(sample.split == split for sample in dataset.samples):
        return dataset.samples, "all images"
    return dataset.split(split), split


def evaluate_dataset(
    dataset: Dataset,
    predictor: Answers,
    info: BundleInfo,
    *,
    split: Split,
    internal: bool,
    rounds: int,
    seed: int,
    method: Method,
    label_smoothing: float,
    pictures: bool,
    prevalence: Mapping[str, float],
    explainer: Explainer | None,
    progress: Progress,
) -> CohortResult:
    """Predict and measure one dataset; the nuisance baseline is added by `with_nuisance`.

    ``explainer`` makes heat maps of some films, and of the mistakes; None makes none.

    Raises:
        EvaluationError: If not one image can be judged.
    """
    samples, part = samples_to_judge(dataset, split, internal=internal)
    name = f"{dataset.name}, {part}"
    paths = [dataset.image_path(sample) for sample in samples]
    predictions = predictor.predict(paths, record_ids=[sample.record.record_id for sample in samples])
    tracked = progress.track(predictions, total=len(samples), label=f"predict {name}")
    cohort = cohort_from_predictions(name, info.classes, samples, tracked)
    report = evaluate_cohort(
        cohort,
        rounds=rounds,
        seed=seed,
        method=method,
        label_smoothing=label_smoothing,
        prevalence=prevalence,
    )
    explanations = None
    if explainer is not None:
        files = {sample.record.record_id: path for sample, path in zip(samples, paths, strict=True)}
        explanations = explain_cohort(explainer, cohort, files, rounds=rounds, seed=seed, progress=progress)
        report = replace(report, metrics={**report.metrics, **explanations.metrics})
    return CohortResult(
        cohort=cohort,
        report=report,
        dataset=dataset_facts(dataset, part),
        confounding=find_confounding(samples, info.classes),
        internal=internal,
        mistakes=surest_mistakes(dataset, cohort, explainer) if pictures else (),
        explanations=explanations,
        trained_on=part_in_training(part, validated_on=info.history.validation_split) if internal else "",
    )


def with_nuisance(
    results: Sequence[CohortResult],
    datasets: Sequence[Dataset],
    info: BundleInfo,
    *,
    cache: Path,
    rounds: int,
    seed: int,
    progress: Progress,
) -> list[CohortResult]:
    """Add the six-intensity-numbers baseline to every cohort, where the training images are at hand.

    The packed images of the training, in ``cache``, are used again if they are there.
    """
    home = next((dataset for result, dataset in zip(results, datasets, strict=True) if result.internal), None)
    train = [sample for sample in home.samples if sample.split == "train"] if home else []
    if home is None or len({sample.label for sample in train}) < 2:
        return list(results)
    spec = info.preprocess
    seen = functools.partial(pack, size=spec.size, region=spec.region, crop=spec.crop, cache=cache, progress=progress)
    packed = seen(home, train)
    features = intensity_features(packed.images)
    found = []
    for result, dataset in zip(results, datasets, strict=True):
        by_id = {sample.record.record_id: sample for sample in dataset.samples}
        judged = [by_id[record_id] for record_id in result.cohort.record_ids]
        images = seen(dataset, judged).images
        baseline: NuisanceResult = nuisance_baseline(
            features,
            packed.labels,
            intensity_features(images),
            result.cohort,
            network=dict(result.report.metrics),
            rounds=rounds,
            seed=seed,
        )
        found.append(replace(result, nuisance=baseline))
    return found


def surest_mistakes(
    dataset: Dataset, cohort: Cohort, explainer: Explainer | None = None, *, number: int = _NUM_MISTAKES
) -> tuple[Picture, ...]:
    """Return the ``number`` wrong answers with the highest probability, as small pictures with what was said.

    With ``explainer``, each has the heat map of the wrong answer below it.
    """
    predicted = cohort.predicted
    confidence = cohort.probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != cohort.labels)
    chosen = wrong[np.argsort(-confidence[wrong], kind="stable")][:number]
    by_id = {sample.record.record_id: sample for sample in dataset.samples}
    pictures = []
    for case in chosen.tolist():
        sample = by_id[cohort.record_ids[case]]
        actual, called = cohort.classes[int(cohort.labels[case])], cohort.classes[int(predicted[case])]
        own = float(cohort.probabilities[case, int(cohort.labels[case])])
        film = read(dataset.image_path(sample))
        heat, words = _heat(explainer, film, called) if explainer is not None else (b"", ())
        pictures.append(
            Picture(
                jpeg=encode_jpeg(shrink(to_uint8(film.pixels), _PICTURE_SIDE), _PICTURE_QUALITY),
                title=f"{actual}, called {called}",
                lines=(f"{confidence[case]:.2f} for {called}, {own:.2f} for {actual}", *words, _about(sample)),
                alt=f"Chest radiograph of class {actual}, which the network called {called}",
                heat=heat,
            )
        )
    return tuple(pictures)


def _heat(explainer: Explainer, film: Radiograph, called: str) -> tuple[bytes, tuple[str, ...]]:
    """Return the film under its heat map as JPEG, and how much of it lies inside the lungs."""
    found = explainer.explain(film, target=called)
    overlay = encode_jpeg(shrink(found.overlay(film.pixels), _PICTURE_SIDE), _PICTURE_QUALITY)
    if found.lung_fraction is None:
        return overlay, (found.failed[0],)
    where = f", {found.where}" if found.where else ""
    return overlay, (f"{found.lung_fraction:.0%} of the evidence inside the lungs{where}",)


def shared_with_training(results: Sequence[CohortResult], datasets: Sequence[Dataset]) -> dict[int, tuple[int, int]]:
    """Return, by position, how many of an external cohort's files are byte for byte in the network's own dataset.

    First those in its training images, then those in any of its splits; as its sources' files, or as it stores them.
    """
    home = next((dataset for result, dataset in zip(results, datasets, strict=True) if result.internal), None)
    if home is None:
        return {}
    own = {digest for sample in home.samples for digest in home.digests_of(sample)}
    trained = {digest for sample in home.samples if sample.split != "test" for digest in home.digests_of(sample)}
    shared = {}
    for position, (result, dataset) in enumerate(zip(results, datasets, strict=True)):
        if result.internal:
            continue
        judged = set(result.cohort.record_ids)
        files = [dataset.digests_of(sample) for sample in dataset.samples if sample.record.record_id in judged]
        if copied := sum(not own.isdisjoint(digests) for digests in files):
            shared[position] = sum(not trained.isdisjoint(digests) for digests in files), copied
    return shared


def dataset_facts(dataset: Dataset, split: str) -> DatasetFacts:
    """Return the identity, size and make-up of ``dataset``, of which ``split`` was evaluated."""
    manifest = dataset.manifest
    splits = [name for name in SPLITS if any(sample.split == name for sample in dataset.samples)]
    findings: dict[str, Counter[str]] = {label: Counter() for label in dataset.classes}
    stated: dict[str, str] = {}
    tested: Counter[str] = Counter()
    for sample in dataset.samples:
        record = sample.record
        findings[sample.label][record.finding or sample.label] += 1
        if record.age_years is None and age_span(record) is not None:
            stated[record.source] = record.age_verbatim
        tested[sample.label] += bool(_LABORATORY.search(record.notes))
    return DatasetFacts(
        name=dataset.name,
        kind="compiled" if dataset.compiled else "hospital" if SOURCE in manifest.source_versions else "class folders",
        digest=dataset.digest,
        split=split,
        synthetic=dataset.synthetic,
        counts=_counts(dataset),
        exclusions=manifest.exclusions,
        source_versions=manifest.source_versions,
        by_split={name: find_confounding(dataset.split(name), dataset.classes).classes for name in splits},
        labels_are={label: tuple(words for words, _ in counts.most_common(4)) for label, counts in findings.items()},
        stated_ages=stated,
        tests_mentioned=tested,
        recipe=dataset.recipe,
    )


def _about(sample: Sample) -> str:
    record = sample.record
    facts = [record.source]
    if record.view is not View.UNKNOWN:
        facts.append(record.view.value.replace("_", " ").replace("SUPINE", "supine"))
    if record.age_years is not None:
        facts.append(f"{record.age_years:.0f} years")
    return ", ".join(facts) + f"; {record.record_id.partition(':')[2]}"


def _counts(dataset: Dataset) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for sample in dataset.samples:
        part = counts.setdefault(sample.split, dict.fromkeys(dataset.classes, 0))
        part[sample.label] += 1
    return counts
