"""How the audits share their work: measure, flag, and say it in one plain sentence."""

from __future__ import annotations

from collections.abc import Sequence

from covidcxr.audit.context import AuditContext, Images
from covidcxr.audit.pictures import before_and_after
from covidcxr.audit.result import AuditResult, Expectation, Skill, compare_skills, flagged_labels
from covidcxr.core.types import Metric
from covidcxr.metrics.checks import FloatArray


def from_alteration(
    context: AuditContext,
    altered: Images,
    *,
    name: str,
    title: str,
    question: str,
    subject: str,
    expectation: Expectation,
    threshold: float,
    notes: Sequence[str] = (),
) -> AuditResult:
    """Return the result of showing the network ``altered`` (N, S, S) in place of the test images.

    ``subject`` begins the sentence: "With the lungs blacked out, the network".
    """
    part = context.judge.probabilities(altered)
    return from_scores(
        context,
        part,
        name=name,
        title=title,
        question=question,
        subject=subject,
        expectation=expectation,
        threshold=threshold,
        picture=before_and_after(context, altered),
        notes=notes,
    )


def from_scores(
    context: AuditContext,
    part: FloatArray,
    *,
    name: str,
    title: str,
    question: str,
    subject: str,
    expectation: Expectation,
    threshold: float,
    picture: bytes | None = None,
    notes: Sequence[str] = (),
) -> AuditResult:
    """Return the result of comparing scores (N, C) with those of the network on the unaltered images."""
    test = context.test
    skills = compare_skills(test.labels, test.groups, context.classes, context.baseline, part)
    skills = focus_first(skills, context.focus)
    return AuditResult(
        name=name,
        title=title,
        question=question,
        expectation=expectation,
        threshold=threshold,
        skills=skills,
        flagged=flagged_labels(skills, expectation, threshold),
        sentence=retained_sentence(subject, skills),
        picture=picture,
        notes=tuple(notes),
    )


def focus_first(skills: Sequence[Skill], focus: str) -> tuple[Skill, ...]:
    """Return the skills with the focus in front, the others in their order."""
    return tuple(sorted(skills, key=lambda skill: skill.label != focus))


def retained_sentence(subject: str, skills: Sequence[Skill]) -> str:
    """Return "SUBJECT keeps 83 % (70 to 91 %) of its skill at COVID-19 (AUROC 0.98 before, 0.90 so)." and alike."""
    head = skills[0]
    if head.retained.value is None or head.whole is None or head.whole.value is None or head.part.value is None:
        return f"{subject}: not estimable for {head.label} ({head.retained.reason})."
    aurocs = f" (AUROC {head.whole.value:.2f} before, {head.part.value:.2f} so)"
    words = f"{subject} keeps {share(head.retained)} of the network's skill at {head.label}{aurocs}"
    if is_reversed(head.retained):
        words = f"{subject} ranks {head.label} the wrong way round{aurocs}: it tells something, reversed"
    others = [
        f"{share(skill.retained, short=True)} at {skill.label}"
        for skill in skills[1:]
        if skill.retained.value is not None
    ]
    return f"{words}{'; ' + ', '.join(others) if others else ''}."


def is_reversed(retained: Metric) -> bool:
    """Return whether what is left surely ranks the cases the wrong way round, which takes information too."""
    return retained.high is not None and retained.high < 0


def share(metric: Metric, *, short: bool = False) -> str:
    """Return a share as a whole percentage with its interval; below 0 % what is left ranks the wrong way round."""
    if metric.value is None:
        return "not estimable"
    if short or metric.low is None or metric.high is None:
        return _percent(metric.value)
    return f"{_percent(metric.value)} ({_percent(metric.low)} to {_percent(metric.high)})"


def _percent(value: float) -> str:
    return f"{round(100 * value)} %"
