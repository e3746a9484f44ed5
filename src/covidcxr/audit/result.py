"""What an audit returns, and the retained skill that most of them report.

Retained skill is (AUROC of what is left - 0.5) / (AUROC of the whole - 0.5): 1 if the alteration costs nothing, 0 if
only guessing is left. Its limits are recovered from those of both AUROCs and from how they vary together, by patient;
so an AUROC of 1, of which resampling shows no variance, is as uncertain in it as it is alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from covidcxr.core.types import Metric
from covidcxr.metrics.checks import BoolArray, FloatArray, IntArray
from covidcxr.metrics.delong import delong, placement_covariance, placements
from covidcxr.metrics.intervals import Interval, ratio

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
) -> tuple[Skill, ...]:
    """Return the retained skill of each class, one against the rest, with intervals.

    Args:
        labels: (N,) in [0, C).
        groups: (N,) patients.
        classes: C names.
        whole: (N, C) scores of the network on the unaltered images.
        part: (N, C) scores of what is left, or of a probe.
    """
    return tuple(
        _skill(label, labels == column, whole[:, column], part[:, column], groups)
        for column, label in enumerate(classes)
    )


def auroc_skill(label: str, positive: ArrayLike, scores: ArrayLike, groups: ArrayLike) -> Skill:
    """Return the AUROC of a probe, and as its retained skill (AUROC - 0.5) / 0.5, compared with a perfect probe."""
    count = int(np.size(scores))
    part = delong(positive, scores, groups=groups).metric(f"auroc/{label}", count, absent=_one_side(label))
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


def _skill(label: str, positive: BoolArray, whole: FloatArray, part: FloatArray, groups: ArrayLike) -> Skill:
    cases = int(positive.sum())
    of_whole, of_part = delong(positive, whole, groups=groups), delong(positive, part, groups=groups)
    metric = of_whole.metric(f"auroc/{label}", cases, absent=_one_side(label))
    name = f"retained/{label}"
    if metric.low is None or metric.low < 0.5 + MIN_SKILL:
        guessing = "the network's 95 % confidence interval reaches guessing here, so there is no skill to share"
        retained = Metric(name=name, value=None, num_cases=cases, reason=metric.reason or guessing)
    else:
        correlation = _correlation(positive, whole, part, groups)
        retained = ratio(_above_guessing(of_part), _above_guessing(of_whole), correlation=correlation).metric(
            name, cases
        )
    left = of_part.metric(f"auroc_left/{label}", cases, absent=_one_side(label))
    return Skill(label=label, whole=metric, part=left, retained=retained)


def _above_guessing(auroc: Interval) -> Interval:
    return replace(auroc, value=auroc.value - 0.5, low=auroc.low - 0.5, high=auroc.high - 0.5)


def _correlation(positive: BoolArray, whole: FloatArray, part: FloatArray, groups: ArrayLike) -> float:
    """Return how the two AUROCs vary together from patient to patient; 0 where one does not vary."""
    components = [placements(positive, whole), placements(positive, part)]
    covariance = placement_covariance(positive, components, groups)
    spread = float(covariance[0, 0] * covariance[1, 1]) ** 0.5
    return float(np.clip(covariance[0, 1] / spread, -1.0, 1.0)) if spread > 0 else 0.0


def _one_side(label: str) -> str:
    return f"no case of {label}, or of nothing else"
