"""What an audit returns, and the retained skill that most of them report.

Retained skill is (AUROC of what is left - 0.5) / (AUROC of the whole - 0.5): 1 if the alteration costs nothing, 0 if
only guessing is left. Its interval comes from one patient-clustered bootstrap of both AUROCs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from covidcxr.core.types import Metric
from covidcxr.metrics.bootstrap import BootstrapResult, bootstrap
from covidcxr.metrics.checks import BoolArray, FloatArray, IntArray
from covidcxr.metrics.discrimination import RankedScores
from covidcxr.metrics.intervals import Interval, worst_case_auroc
from covidcxr.metrics.settings import IntervalSettings

Expectation = Literal["lose", "keep", "context", "control"]
MIN_SKILL = 0.05  # the whole's AUROC must be surely above 0.5 by this, or a share of it means nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Skill:
    """One class (or source, or planted confounder) of an audit.

    Attributes:
        label: Which.
        whole: AUROC of the network on the unaltered images; None where the audit compares with nothing.
        part: AUROC of what is left, or of the probe.
        retained: Share of the skill; not estimable, with the reason, where the whole has none.
    """

    label: str
    whole: Metric | None
    part: Metric
    retained: Metric


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class AuditResult:
    """What one audit found.

    Attributes:
        name: In the registry.
        title: For a table.
        question: One sentence: what was done, and what it asks.
        expectation: ``lose``: a sound network loses its skill; ``keep``: a sound one keeps it; ``context``: neither
            speaks for or against; ``control``: whether the audit itself works.
        threshold: ``lose`` is flagged from this lower limit of the retained skill on, or as far below 0 (what is left
            tells the classes apart the wrong way round); ``keep`` below this upper limit.
        skills: One for each class, the focus first.
        flagged: Labels for which the finding is against the network (or, for a control, the audit failed).
        sentence: The finding in plain words.
        picture: JPEG that shows what the network was given; None if there is nothing to show.
        notes: What a careful reader should know.
    """

    name: str
    title: str
    question: str
    expectation: Expectation
    threshold: float
    skills: tuple[Skill, ...]
    flagged: tuple[str, ...]
    sentence: str
    picture: bytes | None = None
    notes: tuple[str, ...] = ()

    @property
    def estimable(self) -> bool:
        """Whether at least one class has a retained skill."""
        return any(skill.retained.value is not None for skill in self.skills)


def compare_skills(
    labels: IntArray,
    groups: ArrayLike,
    classes: Sequence[str],
    whole: FloatArray,
    part: FloatArray,
    *,
    intervals: IntervalSettings,
) -> tuple[Skill, ...]:
    """Return the retained skill of each class, one against the rest, with intervals.

    Args:
        labels: (N,) in [0, C).
        groups: (N,) patients.
        classes: C names.
        whole: (N, C) scores of the network on the unaltered images.
        part: (N, C) scores of what is left, or of a probe.
        intervals: How intervals are made.
    """
    ranked = [
        (RankedScores(labels == column, whole[:, column]), RankedScores(labels == column, part[:, column]))
        for column in range(len(classes))
    ]

    def statistic(weights: FloatArray) -> FloatArray:
        aurocs = [(of_whole.measure(weights)[0], of_part.measure(weights)[0]) for of_whole, of_part in ranked]
        columns = []
        for first, second in aurocs:
            safe = np.where(np.abs(first - 0.5) > 1e-6, first - 0.5, np.nan)
            columns += [first, second, (second - 0.5) / safe]
        return np.stack(columns, axis=1)

    result = bootstrap(statistic, num_cases=labels.size, groups=groups, rounds=intervals.rounds, seed=intervals.seed)
    return tuple(_skill(label, result, 3 * column, labels == column, groups) for column, label in enumerate(classes))


def auroc_skill(
    label: str, positive: ArrayLike, scores: ArrayLike, groups: ArrayLike, intervals: IntervalSettings
) -> Skill:
    """Return the AUROC of a probe, and as its retained skill (AUROC - 0.5) / 0.5, compared with a perfect probe."""
    ranked = RankedScores(positive, scores)

    def statistic(weights: FloatArray) -> FloatArray:
        return ranked.measure(weights)[0][:, np.newaxis]

    count = int(np.size(scores))
    result = bootstrap(statistic, num_cases=count, groups=groups, rounds=intervals.rounds, seed=intervals.seed)
    part = _metric(f"auroc/{label}", _auroc(result, 0, positive, groups), count, "only one side has cases")
    retained = Metric(name=f"skill/{label}", value=None, num_cases=count, reason=part.reason)
    if part.value is not None and part.low is not None and part.high is not None:
        value, low, high = (2 * limit - 1 for limit in (part.value, part.low, part.high))
        retained = Metric(name=f"skill/{label}", value=value, low=low, high=high, num_cases=count)
    return Skill(label=label, whole=None, part=part, retained=retained)


def not_estimable(label: str, reason: str) -> Skill:
    """Return a skill that cannot be measured, with the reason."""
    return Skill(
        label=label,
        whole=None,
        part=Metric(name=f"auroc/{label}", value=None, reason=reason),
        retained=Metric(name=f"retained/{label}", value=None, reason=reason),
    )


def flagged_labels(skills: Sequence[Skill], expectation: Expectation, threshold: float) -> tuple[str, ...]:
    """Return the labels whose whole interval of the retained skill lies on the wrong side of ``threshold``."""
    flagged = []
    for skill in skills:
        low, high = skill.retained.low, skill.retained.high
        if low is None or high is None:
            continue
        told = max(low, -high) >= threshold
        if (expectation == "lose" and told) or (expectation == "keep" and high < threshold):
            flagged.append(skill.label)
    return tuple(flagged)


def _skill(label: str, result: BootstrapResult, column: int, positive: BoolArray, groups: ArrayLike) -> Skill:
    cases = int(positive.sum())
    absent = f"no case of {label}, or of nothing else"
    whole = _metric(f"auroc/{label}", _auroc(result, column, positive, groups), cases, absent)
    part = _metric(f"auroc_left/{label}", _auroc(result, column + 1, positive, groups), cases, absent)
    retained = _metric(f"retained/{label}", result.interval(column + 2), cases, absent)
    if whole.low is None or whole.low < 0.5 + MIN_SKILL:
        reason = (
            whole.reason or "the network itself is not surely better than guessing here, so there is no skill to share"
        )
        retained = Metric(name=retained.name, value=None, num_cases=cases, reason=reason)
    elif result.is_constant(column) and result.is_constant(column + 1) and part.low is not None:
        low, high = (part.low - 0.5) / ((whole.high or 1) - 0.5), ((part.high or 1) - 0.5) / (whole.low - 0.5)
        retained = replace(retained, low=low, high=high)
    return Skill(label=label, whole=whole, part=part, retained=retained)


def _auroc(result: BootstrapResult, column: int, positive: ArrayLike, groups: ArrayLike) -> Interval:
    """Return an AUROC with its interval; where every resampled cohort repeats it, that is no certainty."""
    interval = result.interval(column)
    constant = np.isfinite(interval.low) and result.is_constant(column)
    return worst_case_auroc(interval.value, positive, groups) if constant else interval


def _metric(name: str, interval: Interval, cases: int, absent: str) -> Metric:
    if not np.isfinite(interval.value):
        return Metric(name=name, value=None, num_cases=cases, reason=absent)
    if not np.isfinite(interval.low):
        return Metric(name=name, value=interval.value, num_cases=cases, reason="too few patients for an interval")
    return Metric(name=name, value=interval.value, low=interval.low, high=interval.high, num_cases=cases)
