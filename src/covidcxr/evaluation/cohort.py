"""A cohort: the cases of one dataset, what they are, and what a network said of them.

Building one is where predictions that do not fit are refused; everything that measures may then trust it. Where the
predictions come from, and how they are measured, is not known here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import EvaluationError
from covidcxr.core.types import Prediction, Sample, View
from covidcxr.dataset.tables import age_span
from covidcxr.imaging.doubts import doubt_sentences

SUM_TOLERANCE = 1e-3  # of float32 probabilities that went through a CSV file with four digits
UNKNOWN = "unknown"
CHILDREN = "under 18"
AGE_BANDS: tuple[tuple[float, str], ...] = ((18.0, CHILDREN), (40.0, "18-39"), (60.0, "40-59"), (80.0, "60-79"))
OLDEST_BAND = "80 and over"


@dataclass(frozen=True, kw_only=True, eq=False)
class Cohort:
    """N cases with their true classes and predicted probabilities, in one order.

    Attributes:
        name: What tables call it.
        classes: The C classes, in the order of ``probabilities``.
        record_ids: The N cases; unique.
        labels: int64 (N,), positions in ``classes``.
        probabilities: float64 (N, C), rows summing to 1.
        groups: str (N,): patient joined with duplicates; what the bootstrap draws.
        columns: Subgroup name ("sex") to the N values; ``unknown`` where the source does not tell.
        notes: Plain sentences on how the cohort came to be (cases without a prediction, unknown patients).

    Raises:
        EvaluationError: If anything above does not hold.
    """

    name: str
    classes: tuple[str, ...]
    record_ids: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    groups: NDArray[np.str_]
    columns: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_shapes(self)
        _check_values(self)

    @property
    def num_images(self) -> int:
        """Number of cases."""
        return len(self.record_ids)

    @property
    def num_patients(self) -> int:
        """Number of groups, which are patients wherever the source tells them apart."""
        return len(np.unique(self.groups))

    @property
    def predicted(self) -> NDArray[np.int64]:
        """int64 (N,): the most probable class of each case; the first one on a tie."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    def where(self, keep: NDArray[np.bool_], *, name: str | None = None) -> Cohort:
        """Return the cases for which ``keep`` (N,) is True.

        Raises:
            EvaluationError: If there are none.
        """
        return Cohort(
            name=name or self.name,
            classes=self.classes,
            record_ids=tuple(record_id for record_id, kept in zip(self.record_ids, keep, strict=True) if kept),
            labels=self.labels[keep],
            probabilities=self.probabilities[keep],
            groups=self.groups[keep],
            columns={column: values[keep] for column, values in self.columns.items()},
            notes=self.notes,
        )


def cohort_from_predictions(
    name: str, classes: Sequence[str], samples: Sequence[Sample], predictions: Iterable[Prediction]
) -> Cohort:
    """Join ``samples`` with their predictions, by record_id.

    An image that could not be judged (status ``error`` or ``refuse``) leaves the cohort, and a note says how many
    did and why; notes also sum up what the reader doubted. An image on which the system abstains stays, because the
    network did give probabilities.

    Raises:
        EvaluationError: If predictions miss cases, have others, come twice, are of other classes, or none is left.
    """
    by_id = _by_record_id(name, predictions)
    _check_same_cases(name, {sample.record.record_id for sample in samples}, set(by_id))
    positions = {label: position for position, label in enumerate(classes)}
    judged: list[Sample] = []
    rows: list[NDArray[np.float64]] = []
    failures: Counter[str] = Counter()
    warnings: list[Sequence[str]] = []
    for sample in samples:
        prediction = by_id[sample.record.record_id]
        if prediction.probabilities is None:
            reason = prediction.reasons[0].partition(":")[0] if prediction.reasons else "no reason given"
            failures[f"{prediction.status}, {reason}"] += 1
            continue
        if prediction.classes != tuple(classes):
            raise EvaluationError(
                f"{name}: the prediction for {sample.record.record_id} is over the classes "
                f"{', '.join(prediction.classes)}; expected {', '.join(classes)}; predict again with the same bundle"
            )
        if sample.label not in positions:
            raise EvaluationError(
                f"{name}: {sample.record.record_id} is of class {sample.label!r}; expected one of "
                f"{', '.join(classes)}; map the class to one of them, or leave it out"
            )
        judged.append(sample)
        warnings.append(prediction.warnings)
        rows.append(np.asarray(prediction.probabilities, dtype=np.float64))
    if not judged:
        raise EvaluationError(f"{name}: not one of {len(samples)} images could be judged ({_listing(failures)})")
    return Cohort(
        name=name,
        classes=tuple(classes),
        record_ids=tuple(sample.record.record_id for sample in judged),
        labels=np.array([positions[sample.label] for sample in judged], dtype=np.int64),
        probabilities=np.stack(rows),
        groups=np.array([sample.group_id for sample in judged]),
        columns=subgroup_columns(judged),
        notes=(*_notes(samples, judged, failures), *doubt_sentences(warnings)),
    )


def subgroup_columns(samples: Sequence[Sample]) -> dict[str, NDArray[np.str_]]:
    """Return source, sex, age band and view of each sample."""
    records = [sample.record for sample in samples]
    return {
        "source": np.array([record.source for record in records]),
        "sex": np.array([record.sex.value if record.sex else UNKNOWN for record in records]),
        "age": np.array([age_band(age_span(record)) for record in records]),
        "view": np.array([UNKNOWN if record.view is View.UNKNOWN else record.view.value for record in records]),
    }


def age_band(span: tuple[float, float] | None) -> str:
    """Return the band that both ends of an age span fall in: under 18, 18-39, ..., 80 and over; else unknown."""
    if span is None:
        return UNKNOWN
    low, high = (next((band for limit, band in AGE_BANDS if years < limit), OLDEST_BAND) for years in span)
    return low if low == high else UNKNOWN


def _by_record_id(name: str, predictions: Iterable[Prediction]) -> dict[str, Prediction]:
    by_id: dict[str, Prediction] = {}
    for prediction in predictions:
        if prediction.record_id in by_id:
            raise EvaluationError(f"{name}: two predictions for {prediction.record_id}; expected one a case")
        by_id[prediction.record_id] = prediction
    return by_id


def _check_same_cases(name: str, expected: set[str], found: set[str]) -> None:
    faults = []
    for problem, cases in (("without a prediction", expected - found), ("predicted but not in it", found - expected)):
        if cases:
            faults.append(f"{len(cases)} {problem} (such as {min(cases)})")
    if faults:
        raise EvaluationError(
            f"{name}: predictions do not fit the {len(expected)} cases of the cohort: {'; '.join(faults)}; "
            "predict the same split of the same dataset again"
        )


def _check_shapes(cohort: Cohort) -> None:
    num_cases, num_classes = len(cohort.record_ids), len(cohort.classes)
    if not num_cases:
        raise EvaluationError(f"{cohort.name}: the cohort has no cases; choose a split or subgroup that has some")
    if num_classes < 2 or len(set(cohort.classes)) != num_classes:
        raise EvaluationError(
            f"{cohort.name}: found the classes {', '.join(cohort.classes)}; expected two different ones"
        )
    if cohort.probabilities.shape != (num_cases, num_classes):
        raise EvaluationError(
            f"{cohort.name}: probabilities of shape {cohort.probabilities.shape}; "
            f"expected ({num_cases}, {num_classes}), a row a case and a column a class"
        )
    lengths = {"labels": len(cohort.labels), "groups": len(cohort.groups)}
    lengths |= {column: len(values) for column, values in cohort.columns.items()}
    for what, length in lengths.items():
        if length != num_cases:
            raise EvaluationError(f"{cohort.name}: {length} {what}; expected {num_cases}, one a case")
    if len(set(cohort.record_ids)) != num_cases:
        twice = Counter(cohort.record_ids).most_common(1)[0][0]
        raise EvaluationError(f"{cohort.name}: case {twice} is there twice; expected each case once")


def _check_values(cohort: Cohort) -> None:
    probabilities, ids = cohort.probabilities, cohort.record_ids
    bad_label = (cohort.labels < 0) | (cohort.labels >= len(cohort.classes))
    not_finite = ~np.isfinite(probabilities).all(axis=1)
    outside = ~not_finite & ((probabilities < -SUM_TOLERANCE) | (probabilities > 1 + SUM_TOLERANCE)).any(axis=1)
    with np.errstate(invalid="ignore"):
        sums = probabilities.sum(axis=1)
        wrong_sum = ~not_finite & ~outside & (np.abs(sums - 1) > SUM_TOLERANCE)
    faults = (
        (bad_label, "has a label that is none of the classes"),
        (not_finite, "has a probability that is not a number"),
        (outside, "has a probability outside 0 to 1"),
        (wrong_sum, "has probabilities that do not sum to 1"),
    )
    for wrong, sentence in faults:
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            row = ", ".join(f"{value:.4g}" for value in probabilities[first])
            raise EvaluationError(
                f"{cohort.name}: case {ids[first]} {sentence} (found {row}; {int(wrong.sum())} such cases); "
                "expected softmax outputs, predict again"
            )


def _notes(samples: Sequence[Sample], judged: Sequence[Sample], failures: Counter[str]) -> tuple[str, ...]:
    notes = []
    if failures:
        notes.append(
            f"{failures.total()} of {len(samples)} images could not be judged and are in no number here "
            f"({_listing(failures)})."
        )
    unknown = sum(sample.record.patient_id is None for sample in judged)
    if unknown:
        notes.append(
            f"The source does not tell the patient of {unknown} of {len(judged)} images; each counts as a patient of "
            "its own, so the intervals may be too narrow."
        )
    return tuple(notes)


def _listing(counts: Counter[str]) -> str:
    return ", ".join(f"{number} x {reason}" for reason, number in counts.most_common(5))
