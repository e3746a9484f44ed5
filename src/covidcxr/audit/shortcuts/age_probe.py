"""How well the network's own features tell the age of patients of one class."""

from __future__ import annotations

import numpy as np

from covidcxr.audit.context import AuditContext
from covidcxr.audit.probes import MIN_CASES, probe_by_patient
from covidcxr.audit.result import AuditResult, Skill, auroc_skill, not_estimable
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.audit.shortcuts.source_probe import pooled
from covidcxr.audit.wording import focus_first, share
from covidcxr.metrics.checks import BoolArray, FloatArray

ADULT_YEARS = 18.0
_STRENGTH = 0.01


def age_split(ages: FloatArray) -> tuple[BoolArray, str] | None:
    """Return which of the known ages (N,) are the higher, and by what; None where either side is too small.

    Children from adults where there are enough of both, otherwise above the median from the rest.
    """
    for limit, words in ((ADULT_YEARS, "children from adults"), (float(np.median(ages)), "older from younger")):
        older = ages >= limit
        if MIN_CASES <= older.sum() <= len(ages) - MIN_CASES:
            return older, words
    return None


@AUDITS.register("age-probe")
def audit_age_probe(context: AuditContext) -> AuditResult:
    """Measure a probe for age on the network's features, within each class."""
    both, features = pooled(context)
    skills: list[Skill] = []
    words = []
    for column, label in enumerate(context.classes):
        members = np.flatnonzero((both.labels == column) & np.isfinite(both.ages))
        split = age_split(both.ages[members]) if members.size else None
        if split is None:
            number = f"{members.size} known ages" if members.size else "no known age"
            reason = f"{number}, not {MIN_CASES} higher and {MIN_CASES} lower ones"
            skills.append(not_estimable(label, reason))
            continue
        older, contrast = split
        scores = probe_by_patient(
            features[members], older.astype(np.int64), both.groups[members], 2, strength=_STRENGTH, seed=context.seed
        )[:, 1]
        skill = auroc_skill(label, older, scores, both.groups[members])
        skills.append(skill)
        words.append(f"{contrast} within {label} with a skill of {share(skill.retained)}")
    why = "; ".join(f"{skill.label} has {skill.retained.reason}" for skill in skills)
    sentence = f"A probe on the network's features tells {'; '.join(words)}." if words else f"Not estimable: {why}."
    return AuditResult(
        name="age-probe",
        title="Age probe",
        question="Within one class: can the patient's age be read from the features the network decides by?",
        expectation="context",
        threshold=0.4,
        skills=focus_first(skills, context.focus),
        flagged=(),
        sentence=sentence,
        notes=(
            "Age shows in any chest; it only harms where the classes differ in age, which the dataset's facts tell.",
        ),
    )
