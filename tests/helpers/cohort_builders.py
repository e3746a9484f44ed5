"""Small cohorts, samples and predictions for the tests of the evaluation, outputs and pipeline rooms."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from covidcxr.core.types import Prediction, Record, Sample, Sex, Split, View
from covidcxr.evaluation.cohort import Cohort

CLASSES = ("COVID-19", "Normal", "Pneumonia")


def sample(
    key: str,
    *,
    label: str = "COVID-19",
    source: str = "cohen",
    patient: str | None = None,
    age: float | None = None,
    age_words: str = "",
    sex: Sex | None = None,
    split: Split = "test",
) -> Sample:
    """Return a sample of an imaginary source."""
    patient_id = f"{source}:{patient}" if patient else None
    record = Record(
        record_id=f"{source}:{key}",
        source=source,
        path=Path(source) / key,
        patient_id=patient_id,
        view=View.PA,
        label=label,
        sex=sex,
        age_years=age,
        age_verbatim=age_words,
    )
    return Sample(
        record=record,
        label=label,
        split=split,
        image=f"images/{split}/{label}/{source}__{key}.jpg",
        sha256="0" * 64,
        phash="0" * 16,
        rows=40,
        columns=40,
        bits_stored=8,
        group_id=patient_id or record.record_id,
    )


def prediction(record_id: str, probabilities: list[float], *, classes: tuple[str, ...] = CLASSES) -> Prediction:
    """Return an answered input."""
    values = np.array(probabilities, dtype=np.float32)
    return Prediction(
        record_id=record_id, status="ok", classes=classes, probabilities=values, label=classes[int(values.argmax())]
    )


def random_cohort(*, num_cases: int = 120, skill: float = 2.0, seed: int = 0, images_a_patient: int = 2) -> Cohort:
    """Return a cohort of three classes in which the true class has a logit that is ``skill`` higher on average."""
    generator = np.random.default_rng(seed)
    labels = np.arange(num_cases) * len(CLASSES) // num_cases
    logits = generator.normal(size=(num_cases, len(CLASSES)))
    logits[np.arange(num_cases), labels] += skill
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Cohort(
        name="random",
        classes=CLASSES,
        record_ids=tuple(f"cohen:{case}" for case in range(num_cases)),
        labels=labels,
        probabilities=probabilities,
        groups=np.array([f"cohen:p{case // images_a_patient}" for case in range(num_cases)]),
        columns={"sex": np.where(np.arange(num_cases) % 4 < 2, "F", "M")},
    )


def cohort_of_counts(counts: list[list[int]], *, classes: tuple[str, ...] = CLASSES) -> Cohort:
    """Return a cohort whose confusion matrix is ``counts``; the answer always has probability 0.8."""
    labels, answers = [], []
    for row, cells in enumerate(counts):
        for column, number in enumerate(cells):
            labels += [row] * number
            answers += [column] * number
    probabilities = np.full((len(labels), len(classes)), 0.2 / (len(classes) - 1))
    probabilities[np.arange(len(labels)), answers] = 0.8
    return Cohort(
        name="counts",
        classes=classes,
        record_ids=tuple(f"cohen:{case}" for case in range(len(labels))),
        labels=np.array(labels, dtype=np.int64),
        probabilities=probabilities,
        groups=np.array([f"cohen:{case}" for case in range(len(labels))]),
    )
