"""From a dataset and predictions to an evaluated cohort."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from covidcxr.core.errors import EvaluationError
from covidcxr.core.labels import find_label
from covidcxr.core.progress import Progress
from covidcxr.core.types import Prediction, Sample, Split
from covidcxr.curation.split_copies import split_copies
from covidcxr.dataset.dataset import Dataset
from covidcxr.evaluation.cohort import Cohort, cohort_from_predictions
from covidcxr.evaluation.confounds import find_confounding
from covidcxr.evaluation.evidence import NO_SPLIT_COPIES, part_in_training
from covidcxr.evaluation.report import evaluate_cohort
from covidcxr.evaluation.settings import EvaluationSettings
from covidcxr.metrics.settings import IntervalSettings
from covidcxr.models.bundle_info import BundleInfo
from covidcxr.pipeline.explanations import explain_cohort
from covidcxr.pipeline.mistakes import surest_mistakes
from covidcxr.pipeline.own_dataset import NO_COPIES, OwnDataset
from covidcxr.report.dataset_facts import dataset_facts
from covidcxr.report.study import CohortResult

if TYPE_CHECKING:
    from covidcxr.explain.explainer import Explainer


class Answers(Protocol):
    """What gives predictions: a `covidcxr.inference.predictor.Predictor`, or a file of its predictions."""

    def predict(self, inputs: Iterable[Path], record_ids: Iterable[str]) -> Iterator[Prediction]:
        """Return one prediction for each input, under its record_id."""
        ...


def training_cache() -> Path:
    """Return the folder in which a training packs its images, so that an evaluation finds them."""
    from covidcxr.training.loading import default_cache

    return default_cache()


def open_dataset(path: Path | Dataset, classes: Sequence[str], class_map: Mapping[str, str]) -> Dataset:
    """Open a dataset, or take one that is open, with its classes renamed to ``classes``.

    Names in ``class_map`` are renamed by it, the others by what they mean.

    Raises:
        DatasetError: If it is missing, altered, or has a class that is none of ``classes`` and is not mapped, or if
            ``class_map`` maps to a class that the bundle does not have.
    """
    return path if isinstance(path, Dataset) else Dataset.open(path, classes=classes, class_map=class_map)


def prevalence_by_class(prevalence: Mapping[str, float], classes: Sequence[str]) -> dict[str, float]:
    """Return the prevalence of classes under the bundle's names for them.

    Raises:
        EvaluationError: If a name means none of them, or two names mean one.
    """
    named = {}
    for name, share in prevalence.items():
        label = find_label(name, classes)
        if label is None:
            raise EvaluationError(
                f"--prevalence {name}={share:g}: {name!r} is none of the bundle's classes, {', '.join(classes)}"
            )
        if label in named:
            raise EvaluationError(f"--prevalence {name}={share:g}: that of {label} is stated twice; leave one")
        named[label] = share
    return named


def samples_to_judge(dataset: Dataset, split: Split, *, internal: bool) -> tuple[tuple[Sample, ...], str]:
    """Return the samples of ``split`` and what to call them; all of an external dataset that has no such split.

    Raises:
        DatasetError: If the dataset the network was trained on has no such split.
    """
    if not internal and not any(sample.split == split for sample in dataset.samples):
        return dataset.samples, "all images"
    return dataset.split(split), split


def predicted_cohort(
    name: str,
    dataset: Dataset,
    samples: Sequence[Sample],
    answers: Answers,
    classes: Sequence[str],
    *,
    progress: Progress,
    label: str = "",
) -> Cohort:
    """Return ``samples`` of ``dataset`` with their predictions as the cohort ``name``.

    ``label`` is what the progress bar says; by default that the cohort is predicted.

    Raises:
        EvaluationError: If not one image can be judged.
    """
    paths = [dataset.image_path(sample) for sample in samples]
    predictions = answers.predict(paths, record_ids=[sample.record.record_id for sample in samples])
    tracked = progress.track(predictions, total=len(samples), label=label or f"predict {name}")
    return cohort_from_predictions(name, classes, samples, tracked)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Measuring:
    """What the measurement of every cohort of one evaluation shares.

    Attributes:
        info: Of the bundle.
        settings: What was asked for, with the prevalence under the bundle's names of the classes.
        intervals: How intervals are made.
        label_smoothing: Of the training loss, in Keras's terms.
        own: The dataset the network was trained on; None if it is not at hand.
        explainer: Makes heat maps; None makes none.
        progress: Progress reporter.
    """

    info: BundleInfo
    settings: EvaluationSettings
    intervals: IntervalSettings
    label_smoothing: float
    own: OwnDataset | None
    explainer: Explainer | None
    progress: Progress


def evaluate_dataset(dataset: Dataset, answers: Answers, measuring: Measuring) -> CohortResult:
    """Predict and measure one dataset.

    Raises:
        EvaluationError: If not one image can be judged.
    """
    info, settings, intervals, own = measuring.info, measuring.settings, measuring.intervals, measuring.own
    internal = dataset.digest == info.dataset_digest
    samples, part = samples_to_judge(dataset, settings.split, internal=internal)
    cohort = predicted_cohort(
        f"{dataset.name}, {part}", dataset, samples, answers, info.classes, progress=measuring.progress
    )
    files = {sample.record.record_id: dataset.image_path(sample) for sample in samples}
    explanations = (
        explain_cohort(measuring.explainer, cohort, files, progress=measuring.progress)
        if measuring.explainer is not None
        else None
    )
    copies = own.copies_in(dataset, cohort.record_ids) if own is not None and not internal else NO_COPIES
    report = evaluate_cohort(
        cohort,
        intervals=intervals,
        label_smoothing=measuring.label_smoothing,
        prevalence=settings.prevalence,
        more=explanations.metrics if explanations else {},
        notes=(*dataset.notes, *copies.notes),
    )
    return CohortResult(
        cohort=cohort,
        report=report,
        dataset=dataset_facts(dataset, part),
        confounding=find_confounding(samples, info.classes),
        internal=internal,
        nuisance=own.nuisance(dataset, cohort, report.metrics, intervals) if own is not None else None,
        mistakes=surest_mistakes(dataset, cohort, measuring.explainer) if settings.pictures else (),
        explanations=explanations,
        trained_on=part_in_training(part, validated_on=info.history.validation_split) if internal else "",
        in_training=copies.in_training,
        copied=copies.anywhere,
        crossing=split_copies(dataset, cohort.record_ids) if internal else NO_SPLIT_COPIES,
    )
