"""What the audits mean for the verdict: a few rules from their results to findings of `covidcxr.evaluation.verdict`.

Every rule looks at the whole interval and not at the value, so chance alone rarely breaks one. What the network was
seen to do is told apart from what the data would let any network do.

Against the score, because of the network, for any class:

1. ``outside-lungs``: at least half of the skill stays with the lungs blacked out, or with only the border left.
2. ``reads-source``: the source's name alone has at least half of the skill, and the network reads it: its features
   tell the sources of a class apart (skill 0.4), or at least a quarter of its skill stays without the lungs.

Against the score, because of the data:

3. ``nuisance``: at least half of the skill is in six intensity numbers, inside and outside the lungs, in a linear
   probe that never sees the lungs, or in the fine texture outside them.
4. ``source-alone``: the source's name alone has at least half of the skill, and at least a quarter is in such numbers
   or such a probe; only where 2 does not hold already.

A doubt:

5. ``audit``: any other audit is flagged.
6. ``blind``: a control failed, so the audits could not have seen a shortcut here.
7. ``not-audited``: an audit that rules 1 and 3 need could not be estimated.

``age-alarms`` has a rule of its own, ``reads-age`` in `covidcxr.evaluation.age_rule`, which looks at all cohorts. The
rules know no recipe, dataset or network by name.
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
    "border-only": "With only the image's border left",
}
NUISANCE = {
    "intensity": "six intensity numbers have",
    "outside-probe": "a linear probe that never sees the lungs has",
    "texture": "a linear probe on fine texture outside the lungs (compression, resampling, sharpening) has",
}
_ABOUT_DATA = (*NUISANCE, "source-name")
NEEDED = ("lungs-blacked-out", "intensity")

_NEED_SOURCES = "every class from the same hospitals and devices, at ages that overlap"
_NEED_LUNGS = "a network trained so that it needs the lungs, and this audit again"
_NEED_EXPOSURE = "images of every class processed alike, or intensities standardised before training"
_NEED_MORE = "more patients in every class, so that the intervals decide"


def audit_findings(results: Sequence[AuditResult]) -> tuple[Finding, ...]:
    """Return what speaks against the score or makes it doubtful, the weightiest first; empty if nothing does."""
    by_name = {result.name: result for result in results}
    against = (
        *_outside_the_lungs(by_name),
        *_reads_source(by_name),
        *_nuisance(by_name),
        *_source_alone(by_name),
    )
    covered = {name for finding in against for name in _audits_of(finding.rule)} | {"age-alarms"}
    return (*against, *_flagged(by_name, covered), *_missing(by_name))


def _outside_the_lungs(results: Mapping[str, AuditResult]) -> list[Finding]:
    return [
        Finding(
            rule="outside-lungs",
            weight="against",
            sentence=f"{words}, {share(skill.retained)} of the skill at {skill.label} is still there.",
            change=_NEED_LUNGS,
            about="network",
        )
        for name, words in OUTSIDE_THE_LUNGS.items()
        for skill in _at_least(results, name, HALF)[:1]
    ]


def _reads_source(results: Mapping[str, AuditResult]) -> list[Finding]:
    how = _how_it_reads_sources(results)
    return [
        Finding(
            rule="reads-source",
            weight="against",
            sentence=f"The network can read the source, whose name alone has {share(skill.retained)} of the skill at "
            f"{skill.label}: {how}.",
            change=_NEED_SOURCES,
            about="network",
        )
        for skill in _at_least(results, "source-name", HALF)[:1]
        if how
    ]


def _nuisance(results: Mapping[str, AuditResult]) -> list[Finding]:
    found = []
    for name, words in NUISANCE.items():
        for skill in _at_least(results, name, HALF, flagged=True)[:1]:
            sentence = (
                f"The data give {skill.label} away: {words} {share(skill.retained)} of the network's skill"
                f"{_not_shown(results, skill.label)}."
            )
            change = _NEED_EXPOSURE if name in ("intensity", "texture") else _NEED_SOURCES
            found.append(Finding(rule="nuisance", weight="against", sentence=sentence, change=change, about="data"))
    return found


def _source_alone(results: Mapping[str, AuditResult]) -> list[Finding]:
    given_away = [name for name in NUISANCE if _at_least(results, name, QUARTER, flagged=True)]
    if not given_away or _how_it_reads_sources(results):
        return []
    return [
        Finding(
            rule="source-alone",
            weight="against",
            sentence=f"The data give {skill.label} away by source: its name alone has {share(skill.retained)} of the "
            "skill, and part of that is to be had without the lungs. On such data a network that knows sources cannot "
            "be told from one that knows disease.",
            change=_NEED_SOURCES,
            about="data",
        )
        for skill in _at_least(results, "source-name", HALF)[:1]
    ]


def _how_it_reads_sources(results: Mapping[str, AuditResult]) -> str:
    """Return what shows that the network's own answers or features hold the source; empty if nothing does."""
    reads = [skill.label for skill in _at_least(results, "source-probe", SOURCE_READ)]
    if reads:
        return f"its features tell the sources within {', '.join(reads)} apart"
    for name, words in OUTSIDE_THE_LUNGS.items():
        for skill in _at_least(results, name, QUARTER)[:1]:
            return f"{words[:1].lower()}{words[1:]} it keeps {share(skill.retained)} of its skill at {skill.label}"
    return ""


def _not_shown(results: Mapping[str, AuditResult], label: str) -> str:
    """Return that the network was not seen to go that way, where its lungs were blacked out and its skill went."""
    blacked = results.get("lungs-blacked-out")
    skill = next((skill for skill in blacked.skills if skill.label == label), None) if blacked else None
    if skill is None or skill.retained.low is None or skill.retained.high is None:
        return ""
    if max(skill.retained.high, -skill.retained.low) >= QUARTER:
        return ""
    return f" (that this network goes that way is not shown: without lungs it keeps {share(skill.retained)})"


def _flagged(results: Mapping[str, AuditResult], covered: set[str]) -> list[Finding]:
    found = []
    for result in results.values():
        if not result.flagged or result.name in covered:
            continue
        control = result.expectation == "control"
        found.append(
            Finding(
                rule="blind" if control else "audit",
                weight="doubt",
                sentence=result.sentence,
                change=_need(result),
                about="study" if control else "data" if result.name in _ABOUT_DATA else "network",
            )
        )
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
        "source-alone": ("source-name",),
    }
    return spoken.get(rule, ())


def _need(result: AuditResult) -> str:
    if result.expectation == "control":
        return _NEED_MORE
    needs = {"intensity": _NEED_EXPOSURE, "histogram-matched": _NEED_EXPOSURE}
    needs |= {"source-name": _NEED_SOURCES, "source-probe": _NEED_SOURCES}
    return needs.get(result.name, _NEED_LUNGS)
