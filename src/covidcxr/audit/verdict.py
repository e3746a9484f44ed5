"""The verdict: a small set of rules from the audits' findings to believable, doubtful or not believable.

The rules, in words. Every one looks at the whole interval and not at the value, so chance alone rarely breaks one.

Not believable, if one of these holds for a class:

1. The network is not surely better than guessing (no class has an AUROC above 0.55 by its interval).
2. At least half of its skill stays with the lungs blacked out, or with only the border left.
3. Six intensity numbers have at least half of its skill.
4. The source's name has at least half of its skill, and its features tell sources apart (skill 0.4) or an audit of
   rule 2 or 3 found at least a quarter, so that it can, or does, read the source.

Doubtful, if none of those holds and one of these does:

5. Any other audit is flagged, or a quarter of the skill is outside the lungs.
6. The source's name alone has at least half of the skill.
7. A control failed: the audits could not have seen a shortcut here.
8. The audits that rules 2 and 3 need could not be estimated.
9. The test part was used during training, so its score is chosen.
10. There is no external cohort, or the AUROC there is below the internal one by more than 0.1.

Believable otherwise. The rules know no recipe, dataset or network by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from covidcxr.audit.result import AuditResult, Skill
from covidcxr.audit.wording import share
from covidcxr.core.types import Metric

VerdictValue = Literal["believable", "doubtful", "not believable"]

HALF = 0.5
QUARTER = 0.25
SOURCE_READ = 0.4
LARGEST_GAP = 0.1
OUTSIDE_THE_LUNGS = ("lungs-blacked-out", "border-only")
NEEDED = ("lungs-blacked-out", "intensity")

_NEED_SOURCES = "images of every class from the same hospitals and devices, with ages that overlap"
_NEED_EXTERNAL = "an external test set: every class from a hospital that no training image comes from"
_NEED_LUNGS = "a network that is shown only the lungs, or trained so that it needs them, and this audit again"
_NEED_EXPOSURE = "images of every class processed alike (raw DICOM from the same devices), or intensities standardised"
_NEED_UNSEEN = "a test part that training, early stopping and the choice of settings never saw"
_NEED_MORE = "more patients, so that the intervals decide"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the score is worth.

    Attributes:
        value: See the rules.
        reasons: Plain sentences, the weightiest first; what speaks for it where the value is ``believable``.
        change: What data or measurement would change the verdict.
    """

    value: VerdictValue
    reasons: tuple[str, ...]
    change: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Circumstances:
    """What the verdict must know besides the audits.

    Attributes:
        test_was_validation: The test part was used during training.
        internal: AUROC of the focus class, or their mean, on the internal test.
        external: The same on each external cohort.
        is_external: The audited dataset itself is not the one the network was trained on.
    """

    test_was_validation: bool = False
    internal: Metric | None = None
    external: Sequence[Metric] = ()
    is_external: bool = False


def decide(results: Sequence[AuditResult], circumstances: Circumstances) -> Verdict:
    """Return the verdict on one network and dataset by the rules at the top of this file."""
    by_name = {result.name: result for result in results}
    against, needs = _not_believable(by_name)
    if against:
        return Verdict(value="not believable", reasons=tuple(against), change=_unique(needs))
    against, needs = _doubtful(by_name, circumstances)
    if against:
        return Verdict(value="doubtful", reasons=tuple(against), change=_unique(needs))
    measured = sum(result.estimable for result in results)
    reasons = (
        f"None of {measured} audits found a shortcut, and the controls show that they could have.",
        "The score holds on images of another origin than the training's.",
    )
    return Verdict(value="believable", reasons=reasons, change=("a prospective study in the place of use",))


def _not_believable(results: Mapping[str, AuditResult]) -> tuple[list[str], list[str]]:
    reasons, needs = [], []
    compared = [skill for name in NEEDED if name in results for skill in results[name].skills if skill.whole]
    if compared and not any(skill.retained.value is not None for skill in compared):
        reasons.append("The network is not surely better than guessing at any class, so there is no score to believe.")
        needs.append(_NEED_MORE)
    for name in OUTSIDE_THE_LUNGS:
        for skill in _at_least(results, name, HALF):
            where = "with the lungs blacked out" if name == "lungs-blacked-out" else "with only the film's border left"
            reasons.append(
                f"{where.capitalize()}, {share(skill.retained)} of the skill at {skill.label} is still there."
            )
            needs.append(_NEED_LUNGS)
    for skill in _at_least(results, "intensity", HALF):
        reasons.append(f"Six intensity numbers have {share(skill.retained)} of the network's skill at {skill.label}.")
        needs.append(_NEED_EXPOSURE)
    named = _at_least(results, "source-name", HALF)
    reads = [skill.label for skill in _at_least(results, "source-probe", SOURCE_READ)]
    elsewhere = [
        skill.label for name in (*OUTSIDE_THE_LUNGS, "intensity") for skill in _at_least(results, name, QUARTER)
    ]
    if named and (reads or elsewhere):
        how = (
            f"its features tell the sources within {', '.join(reads)} apart"
            if reads
            else "part of its skill is not in the lungs"
        )
        reasons.append(
            f"The source's name alone has {share(named[0].retained)} of its skill at {named[0].label}, and {how}: "
            "on these data a network that knows sources cannot be told from one that knows disease."
        )
        needs += [_NEED_SOURCES, _NEED_EXTERNAL]
    return reasons, needs


def _doubtful(results: Mapping[str, AuditResult], circumstances: Circumstances) -> tuple[list[str], list[str]]:
    reasons, needs = [], []
    for result in results.values():
        if not result.flagged:
            continue
        reasons.append(result.sentence)
        needs.append(_NEED_MORE if result.expectation == "control" else _need(result.name))
    for name in NEEDED:
        if name not in results or not results[name].estimable:
            title = results[name].title if name in results else name
            reasons.append(f"{title}: this audit could not be estimated, so a shortcut cannot be excluded.")
            needs.append(_NEED_MORE)
    if circumstances.test_was_validation:
        reasons.append("The test part was also the validation part of the training, so its score was chosen.")
        needs.append(_NEED_UNSEEN)
    if not circumstances.external and not circumstances.is_external:
        reasons.append("There is no external cohort: every figure comes from the sources the network was trained on.")
        needs.append(_NEED_EXTERNAL)
    internal = circumstances.internal.value if circumstances.internal else None
    for metric in circumstances.external:
        if internal is not None and metric.value is not None and internal - metric.value > LARGEST_GAP:
            reasons.append(f"The AUROC falls from {internal:.2f} inside to {metric.value:.2f} outside.")
            needs.append(_NEED_SOURCES)
    return reasons, needs


def _at_least(results: Mapping[str, AuditResult], name: str, limit: float) -> list[Skill]:
    if name not in results:
        return []
    return [skill for skill in results[name].skills if skill.retained.low is not None and skill.retained.low >= limit]


def _need(name: str) -> str:
    needs = {"intensity": _NEED_EXPOSURE, "histogram-matched": _NEED_EXPOSURE}
    needs |= {"source-name": _NEED_SOURCES, "source-probe": _NEED_SOURCES}
    return needs.get(name, _NEED_LUNGS)


def _unique(needs: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(needs))
