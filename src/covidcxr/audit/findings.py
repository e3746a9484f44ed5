"""What the audits mean for the verdict: a few rules from their results to findings of `covidcxr.evaluation.verdict`.

Every rule looks at the whole interval and not at the value, so chance alone rarely breaks one.

Against the score, for any class:

1. ``outside-lungs``: at least half of the skill stays with the lungs blacked out, or with only the border left.
2. ``nuisance``: at least half of the skill is in six intensity numbers, inside and outside the lungs, or in a linear
   probe that never sees the lungs.
3. ``reads-source``: the source's name alone has at least half of the skill, and the network can or does read it: its
   features tell the sources of a class apart (skill 0.4), or at least a quarter of its skill is outside the lungs or
   in such a probe.

A doubt:

4. ``audit``: any other audit is flagged.
5. ``blind``: a control failed, so the audits could not have seen a shortcut here.
6. ``not-audited``: an audit that rules 1 and 2 need could not be estimated.

The rules know no recipe, dataset or network by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from covidcxr.audit.result import AuditResult, Skill
from covidcxr.audit.wording import share
from covidcxr.evaluation.verdict import Finding

HALF = 0.5
QUARTER = 0.25
SOURCE_READ = 0.4
OUTSIDE_THE_LUNGS = {
    "lungs-blacked-out": "With the lungs blacked out",
    "border-only": "With only the film's border left",
}
NUISANCE = {
    "intensity": "Six intensity numbers have",
    "outside-probe": "A linear probe that never sees the lungs has",
}
NEEDED = ("lungs-blacked-out", "intensity")

_NEED_SOURCES = "every class from the same hospitals and devices, at ages that overlap"
_NEED_LUNGS = "a network trained so that it needs the lungs, and this audit again"
_NEED_EXPOSURE = "images of every class processed alike, or intensities standardised before training"
_NEED_MORE = "more patients in every class, so that the intervals decide"


def audit_findings(results: Sequence[AuditResult]) -> tuple[Finding, ...]:
    """Return what speaks against the score or makes it doubtful, the weightiest first; empty if nothing does."""
    by_name = {result.name: result for result in results}
    against = (*_outside_the_lungs(by_name), *_nuisance(by_name), *_reads_source(by_name))
    covered = {name for finding in against for name in _audits_of(finding.rule)}
    return (*against, *_flagged(by_name, covered), *_missing(by_name))


def _outside_the_lungs(results: Mapping[str, AuditResult]) -> list[Finding]:
    found = []
    for name, words in OUTSIDE_THE_LUNGS.items():
        for skill in _at_least(results, name, HALF)[:1]:
            sentence = f"{words}, {share(skill.retained)} of the skill at {skill.label} is still there."
            found.append(Finding(rule="outside-lungs", weight="against", sentence=sentence, change=_NEED_LUNGS))
    return found


def _nuisance(results: Mapping[str, AuditResult]) -> list[Finding]:
    found = []
    for name, words in NUISANCE.items():
        for skill in _at_least(results, name, HALF, flagged=True)[:1]:
            sentence = f"{words} {share(skill.retained)} of the network's skill at {skill.label}."
            change = _NEED_EXPOSURE if name == "intensity" else _NEED_SOURCES
            found.append(Finding(rule="nuisance", weight="against", sentence=sentence, change=change))
    return found


def _reads_source(results: Mapping[str, AuditResult]) -> list[Finding]:
    named = _at_least(results, "source-name", HALF)
    reads = [skill.label for skill in _at_least(results, "source-probe", SOURCE_READ)]
    elsewhere = (*OUTSIDE_THE_LUNGS, *NUISANCE)
    outside = [name for name in elsewhere if _at_least(results, name, QUARTER, flagged=True)]
    if not named or not (reads or outside):
        return []
    how = (
        f"its features tell the sources within {', '.join(reads)} apart"
        if reads
        else "part of its skill is not in the lungs"
    )
    sentence = (
        f"The source's name alone has {share(named[0].retained)} of the skill at {named[0].label}, and {how}: "
        "on these data a network that knows sources cannot be told from one that knows disease."
    )
    return [Finding(rule="reads-source", weight="against", sentence=sentence, change=_NEED_SOURCES)]


def _flagged(results: Mapping[str, AuditResult], covered: set[str]) -> list[Finding]:
    found = []
    for result in results.values():
        if not result.flagged or result.name in covered:
            continue
        rule = "blind" if result.expectation == "control" else "audit"
        found.append(Finding(rule=rule, weight="doubt", sentence=result.sentence, change=_need(result)))
    return found


def _missing(results: Mapping[str, AuditResult]) -> list[Finding]:
    found = []
    for name in NEEDED:
        if name in results and results[name].estimable:
            continue
        title = results[name].title if name in results else name
        sentence = f"{title}: this audit could not be estimated, so a shortcut is not excluded."
        found.append(Finding(rule="not-audited", weight="doubt", sentence=sentence, change=_NEED_MORE))
    return found


def _at_least(results: Mapping[str, AuditResult], name: str, limit: float, *, flagged: bool = False) -> list[Skill]:
    """Return the skills whose interval lies above ``limit``; with ``flagged``, only those the audit flags itself."""
    if name not in results:
        return []
    sure = [skill for skill in results[name].skills if skill.retained.low is not None and skill.retained.low >= limit]
    return [skill for skill in sure if not flagged or skill.label in results[name].flagged]


def _audits_of(rule: str) -> tuple[str, ...]:
    """Return the audits that a rule against the score already speaks of."""
    spoken = {
        "outside-lungs": tuple(OUTSIDE_THE_LUNGS),
        "nuisance": tuple(NUISANCE),
        "reads-source": ("source-name", "source-probe"),
    }
    return spoken.get(rule, ())


def _need(result: AuditResult) -> str:
    if result.expectation == "control":
        return _NEED_MORE
    needs = {"intensity": _NEED_EXPOSURE, "histogram-matched": _NEED_EXPOSURE}
    needs |= {"source-name": _NEED_SOURCES, "source-probe": _NEED_SOURCES}
    return needs.get(result.name, _NEED_LUNGS)
