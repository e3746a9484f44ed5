"""Does a network answer the patient's age? What it calls children and adults who all lack the target, side by side.

Where the controls of a training were children, a network may call every adult the target. That shows in adults without
it: their false alarms, beside those of children. Where one source has both, age is the only difference between them;
else it cannot be told from the hospitals that go with it. What follows for a score is known to `verdict`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.types import Metric
from covidcxr.evaluation.cohort import CHILDREN, UNKNOWN, Cohort
from covidcxr.metrics.checks import BoolArray, FloatArray
from covidcxr.metrics.delong import delong
from covidcxr.metrics.intervals import clustered_wilson, newcombe

MIN_PATIENTS = 10  # of either side, below which nothing is said


@dataclass(frozen=True, kw_only=True, slots=True)
class AgeContrast:
    """Adults beside children, none of whom has the target.

    Attributes:
        adults, children: Share called the target (false alarms), Wilson's interval by patient.
        gap: The difference, adults less children, Newcombe's interval.
        auroc: How well the target's probability tells an adult from a child; 0.5 if it knows nothing of age.
        adult_sources, child_sources: Where they come from, most images first.
    """

    adults: Metric
    children: Metric
    gap: Metric
    auroc: Metric
    adult_sources: tuple[str, ...]
    child_sources: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AgeReading:
    """What a network makes of age in patients without ``target``.

    Attributes:
        target: The class whose false alarms are counted.
        everyone: All of known age; None if there are too few, and ``reason`` says of whom.
        one_source: Those of the one source with most of both; None if no source has enough of both.
    """

    target: str
    everyone: AgeContrast | None = None
    one_source: AgeContrast | None = None
    reason: str = ""

    @property
    def sharpest(self) -> AgeContrast | None:
        """Within one source where that can be measured, else over all."""
        return self.one_source or self.everyone


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Controls:
    """N patients' images without the target, of known age: what the network said, and who they are."""

    adult: BoolArray
    called: BoolArray
    scores: FloatArray
    groups: NDArray[np.str_]
    sources: NDArray[np.str_]

    def where(self, keep: BoolArray) -> _Controls:
        return _Controls(
            adult=self.adult[keep],
            called=self.called[keep],
            scores=self.scores[keep],
            groups=self.groups[keep],
            sources=self.sources[keep],
        )

    def patients(self) -> tuple[int, int]:
        """Adults and children."""
        return len(np.unique(self.groups[self.adult])), len(np.unique(self.groups[~self.adult]))


def read_age(cohorts: Sequence[Cohort], target: str) -> AgeReading:
    """Compare the answers for adults and children without ``target``, over all ``cohorts`` together.

    Ages and sources are those of the cohorts' columns ``age`` and ``source``; a cohort without them adds nothing.
    """
    controls = _controls(cohorts, target)
    adults, children = controls.patients()
    if min(adults, children) < MIN_PATIENTS:
        reason = (
            f"without {target} there are {adults} adults and {children} children of known age; "
            f"expected {MIN_PATIENTS} of each"
        )
        return AgeReading(target=target, reason=reason)
    both = {str(source): controls.where(controls.sources == source) for source in np.unique(controls.sources)}
    enough = {source: part for source, part in both.items() if min(part.patients()) >= MIN_PATIENTS}
    largest = max(enough, key=lambda source: min(enough[source].patients()), default=None)
    return AgeReading(
        target=target,
        everyone=_contrast(controls),
        one_source=_contrast(enough[largest]) if largest is not None else None,
    )


def _controls(cohorts: Sequence[Cohort], target: str) -> _Controls:
    adult, called, scores, groups, sources = [], [], [], [], []
    for cohort in cohorts:
        if not {"age", "source"} <= cohort.columns.keys() or target not in cohort.classes:
            continue
        column = cohort.classes.index(target)
        age = cohort.columns["age"]
        keep = (cohort.labels != column) & (age != UNKNOWN)
        adult.append(age[keep] != CHILDREN)
        called.append(cohort.predicted[keep] == column)
        scores.append(cohort.probabilities[keep, column])
        groups.append(cohort.groups[keep].astype(np.str_))
        sources.append(cohort.columns["source"][keep].astype(np.str_))
    return _Controls(
        adult=np.concatenate([np.empty(0, dtype=np.bool_), *adult]),
        called=np.concatenate([np.empty(0, dtype=np.bool_), *called]),
        scores=np.concatenate([np.empty(0), *scores]),
        groups=np.concatenate([np.empty(0, dtype=np.str_), *groups]),
        sources=np.concatenate([np.empty(0, dtype=np.str_), *sources]),
    )


def _contrast(controls: _Controls) -> AgeContrast:
    adult = controls.adult
    sides = (adult, ~adult)
    of_adults, of_children = (clustered_wilson(controls.called[side], controls.groups[side]) for side in sides)
    ranked = delong(adult, controls.scores, groups=controls.groups)
    return AgeContrast(
        adults=of_adults.metric("false_alarms/adults", int(adult.sum())),
        children=of_children.metric("false_alarms/children", int((~adult).sum())),
        gap=newcombe(of_adults, of_children).metric("false_alarms/gap", adult.size),
        auroc=ranked.metric("auroc/adult", adult.size),
        adult_sources=_by_size(controls.sources[adult]),
        child_sources=_by_size(controls.sources[~adult]),
    )


def _by_size(sources: NDArray[np.str_]) -> tuple[str, ...]:
    names, counts = np.unique(sources, return_counts=True)
    return tuple(names[np.argsort(-counts, kind="stable")].tolist())
