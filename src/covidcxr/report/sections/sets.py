"""Prediction sets: whether those that the bundle gives hold the true class as often as they were fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from covidcxr.metrics.conformal import SetCoverage, set_coverage
from covidcxr.metrics.intervals import Interval
from covidcxr.metrics.prediction_sets import prediction_set
from covidcxr.outputs.page import Cell, Row, Table, number
from covidcxr.report.study import Study


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredSets:
    """The sets of one cohort: of all its cases first, then of each class that it has."""

    cohort: str
    wanted: float
    parts: tuple[tuple[str, int, SetCoverage], ...]


def measured_sets(study: Study) -> tuple[MeasuredSets, ...]:
    """Return what the sets of `prediction_set` hold on each cohort; nothing for a bundle without sets."""
    info = study.info
    if not info.conformal:
        return ()
    found = []
    for result in study.results:
        cohort = result.cohort
        held = [prediction_set(row, cohort.classes, info.conformal) for row in cohort.probabilities.astype(np.float32)]
        sets = np.array([[label in names for label in cohort.classes] for names in held])
        parts = [("all", cohort.num_images, set_coverage(sets, cohort.labels, groups=cohort.groups))]
        for column, label in enumerate(cohort.classes):
            members = cohort.labels == column
            if members.any():
                coverage = set_coverage(sets[members], cohort.labels[members], groups=cohort.groups[members])
                parts.append((label, int(members.sum()), coverage))
        wanted = max(map(float, info.conformal))
        found.append(MeasuredSets(cohort=result.report.cohort, wanted=wanted, parts=tuple(parts)))
    return tuple(found)


def sets_table(study: Study) -> Table | None:
    """Return coverage and size of the sets by cohort and class; None for a bundle without sets."""
    measured = measured_sets(study)
    if not measured:
        return None
    rows = []
    for entry in measured:
        rows.append(Row(cells=(Cell(text=entry.cohort),), heading=True))
        for label, cases, coverage in entry.parts:
            several = max(0.0, 1 - coverage.singletons - coverage.empty)
            cells = (
                Cell(text=f"{cases:,}"),
                _coverage_cell(coverage.overall, entry.wanted),
                *(Cell(text=f"{share:.1%}") for share in (coverage.singletons, several, coverage.empty)),
                Cell(text=number(coverage.mean_size, digits=2)),
            )
            rows.append(Row(cells=(Cell(text=label), *cells)))
    return Table(
        caption=f"Prediction sets, fitted on validation patients so that {measured[0].wanted:.0%} of the cases of each "
        "class have their class in their set: do they?",
        columns=("", "Images", "True class in the set", "One class", "Several", "None", "Mean size"),
        rows=tuple(rows),
        notes=(
            "The promise holds for patients like those of validation, so a lower share is a measure of how unlike "
            "these are. A set of several classes, or of none, is a reason not to answer.",
        ),
    )


def sets_document(entry: MeasuredSets) -> dict[str, Any]:
    """Return one cohort's sets as JSON."""
    return {
        "cohort": entry.cohort,
        "wanted": entry.wanted,
        "parts": {
            label: {
                "num_cases": cases,
                "coverage": coverage.overall.value,
                "low": None if coverage.overall.reason else coverage.overall.low,
                "high": None if coverage.overall.reason else coverage.overall.high,
                "mean_size": coverage.mean_size,
                "one_class": coverage.singletons,
                "empty": coverage.empty,
            }
            for label, cases, coverage in entry.parts
        },
    }


def _coverage_cell(coverage: Interval, wanted: float) -> Cell:
    if coverage.reason:
        return Cell(text=number(coverage.value), sub=coverage.reason)
    limits = f"{coverage.low:.3f} to {coverage.high:.3f}"
    return Cell(text=number(coverage.value), sub=limits, tone="bad" if coverage.high < wanted else "")
