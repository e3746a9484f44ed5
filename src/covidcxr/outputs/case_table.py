"""``predictions.csv`` of a report: one row a case, with its true class, so that anyone can measure again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from covidcxr.core.artefacts import write_text
from covidcxr.core.outside_text import cells


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One judged case; ``probabilities`` are in the order of the table's classes."""

    cohort: str
    record_id: str
    group_id: str
    label: str
    predicted: str
    probabilities: Sequence[float]


def write_cases(cases: Iterable[Case], classes: Sequence[str], path: Path) -> None:
    """Write ``cases`` as CSV: cohort, record_id, group_id, label, predicted, correct, and a column for each class.

    Raises:
        OutputError: If the place cannot be written.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    columns = ["cohort", "record_id", "group_id", "label", "predicted", "correct"]
    writer.writerow([*columns, *(f"probability/{label}" for label in classes)])
    for case in cases:
        writer.writerow(
            cells((case.cohort, case.record_id, case.group_id, case.label, case.predicted))
            + [str(int(case.label == case.predicted))]
            + [f"{probability:.6f}" for probability in case.probabilities]
        )
    write_text(path, stream.getvalue())
