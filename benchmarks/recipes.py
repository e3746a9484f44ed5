"""What trained recipes reach: on their own test split, and on images of a source whose every image was kept from them.

    python -m benchmarks.recipes NAME=BUNDLE,DATASET ... [--outside DATASET] [--adults DATASET]

Nothing is trained here: each BUNDLE was trained by ``covidcxr train`` on its DATASET. ``--outside`` is a dataset of
all sources: of those that the bundle named ``*-held-out`` was trained without, it is shown the images that have
neither a copy nor an image of the same patient in a source it was trained on. ``--adults`` is one whose images of
nih-chest-xray14 are shown to the bundles of recipes that take none, to count the adults without COVID-19 that they
call COVID-19. Test-time only the network runs: no gate, no abstention. Classes are told by the most probable one, and
COVID-19 also at the bundle's own operating points: thresholds that its training chose on validation patients, for a
wanted sensitivity. "Healthy" leaves out images of pneumonia; where a recipe has two classes, what is not COVID-19 is
its other class.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import versions, write_result
from covidcxr.core.types import Sample
from covidcxr.dataset.dataset import Dataset
from covidcxr.evaluation.cohort import Cohort
from covidcxr.evaluation.report import evaluate_cohort
from covidcxr.inference.predictor import Predictor
from covidcxr.metrics.intervals import clustered_wilson
from covidcxr.metrics.settings import IntervalSettings
from covidcxr.models.bundle_info import OperatingPoint

TARGET, HEALTHY, ADULTS = "COVID-19", "Normal", "nih-chest-xray14"
Chosen = Callable[[Sample], bool]


def predict(predictor: Predictor, dataset: Dataset, samples: Sequence[Sample]) -> np.ndarray:
    """Return calibrated probabilities (N, classes)."""
    paths = [dataset.image_path(sample) for sample in samples]
    return np.stack([found.probabilities for found in predictor.predict(paths)]).astype(float)


def measured(cohort: Cohort, *names: str) -> dict[str, Any]:
    """Return [value, low, high] of each metric, 95 % confidence intervals by patient."""
    metrics = evaluate_cohort(cohort, subgroups=False, intervals=IntervalSettings(rounds=1000, seed=0)).metrics
    return {name: [round(x, 4) if x is not None else None for x in (m.value, m.low, m.high)]
            for name, m in metrics.items() if name in names}  # fmt: skip


def never_seen(dataset: Dataset, taken: Collection[str]) -> list[Sample]:
    """Return the images of sources not taken, less patients and near-duplicates that a taken source has."""
    known = {sample.group_id for sample in dataset.samples if sample.record.source in taken}
    return [film for film in dataset.samples if film.record.source not in taken and film.group_id not in known]


def class_of(label: str, classes: Sequence[str]) -> int:
    """Return the column of an image's label; of a label that two classes lack, that of what is not COVID-19."""
    if label not in classes and len(classes) == 2:
        return 1 - classes.index(TARGET)
    return classes.index(label)


def cohort_of(name: str, classes: Sequence[str], samples: Sequence[Sample], probabilities: np.ndarray) -> Cohort:
    """Return the samples and their probabilities as one cohort."""
    return Cohort(
        name=name,
        classes=tuple(classes),
        record_ids=tuple(sample.record.record_id for sample in samples),
        labels=np.array([class_of(sample.label, classes) for sample in samples]),
        probabilities=probabilities,
        groups=np.array([sample.group_id for sample in samples]),
        columns={},
    )


def at_operating_points(cohort: Cohort, points: Sequence[OperatingPoint]) -> dict[str, Any]:
    """Return what each threshold does on a cohort: shares as [value, low, high] by patient, 95 % confidence."""
    scores = cohort.probabilities[:, cohort.classes.index(TARGET)]
    target = cohort.labels == cohort.classes.index(TARGET)
    healthy = cohort.labels == cohort.classes.index(HEALTHY) if HEALTHY in cohort.classes else np.zeros_like(target)

    def share(called: np.ndarray, rows: np.ndarray) -> list[float] | None:
        if not rows.any():
            return None
        found = clustered_wilson(called[rows], cohort.groups[rows])
        return [round(float(value), 4) for value in (found.value, found.low, found.high)]

    return {
        f"sensitivity {point.target:g} wanted": {
            "threshold": round(point.threshold, 4),
            "sensitivity": share(scores >= point.threshold, target),
            "specificity": share(scores < point.threshold, ~target),
            "specificity_healthy": share(scores < point.threshold, healthy),
        }
        for point in points
        if point.label == TARGET
    }


def detection(cohort: Cohort, points: Sequence[OperatingPoint]) -> dict[str, Any]:
    """Return how COVID-19 is told from the healthy alone, and what the bundle's thresholds do."""
    named = [cohort.classes.index(label) for label in (TARGET, HEALTHY) if label in cohort.classes]
    rows = np.flatnonzero(np.isin(cohort.labels, named))
    against = replace(
        cohort,
        record_ids=tuple(cohort.record_ids[row] for row in rows),
        labels=cohort.labels[rows],
        probabilities=cohort.probabilities[rows],
        groups=cohort.groups[rows],
    )
    both = len(set(against.labels.tolist())) == 2
    return {
        "auroc_against_healthy": measured(against, f"auroc/{TARGET}")[f"auroc/{TARGET}"] if both else None,
        "operating_points": at_operating_points(cohort, points),
    }


def measure_run(bundle: Path, data: Path, outside: Path | None, adults: Path | None) -> dict[str, Any]:
    """Return the figures of one bundle."""
    predictor = Predictor.load(bundle, backend="torch", gated=False)
    info, dataset = predictor.bundle.info, Dataset.open(data)
    classes = dataset.classes
    names = ("accuracy", "balanced_accuracy", f"sensitivity/{TARGET}", f"specificity/{TARGET}", f"auroc/{TARGET}")
    test = dataset.split("test")
    probabilities = predict(predictor, dataset, test)
    published = np.array([sample.record.source == "chest-xray-pneumonia" for sample in test])
    target = np.array([sample.label == TARGET for sample in test])
    points = info.operating_points

    def figures_of(name: str, films: Sequence[Sample], seen: np.ndarray) -> dict[str, Any]:
        cohort = cohort_of(name, classes, films, seen)
        return {"images": len(films), **measured(cohort, *names), **detection(cohort, points)}

    whole = figures_of("test", test, probabilities)
    figures: dict[str, Any] = {
        "recipe": info.name,
        "parameters": info.network.num_parameters,
        "training_seconds": info.history.seconds,
        "training_device": info.history.device,
        "test_images": whole.pop("images"),
        "test": whole,
    }

    def part(name: str, rows: np.ndarray) -> None:
        if 0 < rows.sum() < len(test):
            figures[name] = figures_of(name, [test[row] for row in np.flatnonzero(rows)], probabilities[rows])

    part("test_of_the_paper_s_sources", published | target)
    part("test_adults", ~published)
    if outside is not None:
        other = Dataset.open(outside, classes=classes)
        films = never_seen(other, info.recipe["dataset"]["take"])
        seen = predict(predictor, other, films)
        figures["held_out_sources"] = figures_of("held out", films, seen)
        rows = np.array([film.label == TARGET for film in films])
        controls = np.array([sample.record.source == ADULTS for sample in test])
        if controls.any():
            figures["held_out_covid_against_unseen_nih_adults"] = figures_of(
                "mixed",
                [*(film for film in films if film.label == TARGET), *(test[row] for row in np.flatnonzero(controls))],
                np.concatenate([seen[rows], probabilities[controls]]),
            )
    if adults is not None and ADULTS not in info.recipe["dataset"]["take"]:
        other = Dataset.open(adults)
        films = tuple(sample for sample in other.samples if sample.record.source == ADULTS)
        seen = predict(predictor, other, films)
        called = seen.argmax(axis=1)
        figures["adults_of_another_hospital"] = {
            label: {
                "films": sum(film.label == label for film in films),
                "called_covid": int(sum(classes[c] == TARGET for c, film in zip(called, films, strict=True)
                                        if film.label == label)),
            }
            for label in other.classes if label != TARGET
        }  # fmt: skip
        figures["test_covid_against_adults_of_another_hospital"] = figures_of(
            "both",
            [*(test[row] for row in np.flatnonzero(target)), *films],
            np.concatenate([probabilities[target], seen]),
        )
    return figures


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="NAME=BUNDLE,DATASET")
    parser.add_argument("--outside", type=Path)
    parser.add_argument("--adults", type=Path)
    given = parser.parse_args()
    figures = {}
    for run in given.runs:
        name, _, places = run.partition("=")
        bundle, _, data = places.partition(",")
        held_out = name.endswith("-held-out")
        figures[name] = measure_run(Path(bundle), Path(data), given.outside if held_out else None, given.adults)
    write_result("recipes", figures, **versions("torch"))


if __name__ == "__main__":
    main()
