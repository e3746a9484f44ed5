"""How well the network's own features tell the sources of one class apart: disease is the same, hospitals differ."""

from __future__ import annotations

import numpy as np

from covidcxr.audit.context import AuditContext, ImageSet
from covidcxr.audit.probes import MIN_CASES, probe_by_patient
from covidcxr.audit.result import AuditResult, Skill, auroc_skill, flagged_labels, not_estimable
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.audit.wording import focus_first, share
from covidcxr.metrics.checks import FloatArray

THRESHOLD = 0.4  # AUROC 0.7
_STRENGTH = 0.01
_MOST = 600  # images a class


def pooled(context: AuditContext) -> tuple[ImageSet, FloatArray]:
    """Return train and test as one set, with the network's features (N, F)."""
    test, features = context.test, context.test_features
    train, train_features = context.train, context.train_features
    if train is None or train_features is None:
        return test, features
    both = ImageSet(
        images=np.concatenate([train.images, test.images]),
        labels=np.concatenate([train.labels, test.labels]),
        groups=np.concatenate([train.groups, test.groups]),
        sources=np.concatenate([train.sources, test.sources]),
        ages=np.concatenate([train.ages, test.ages]),
    )
    return both, np.concatenate([train_features, features])


def source_skill(context: AuditContext, label: str, members: ImageSet, features: FloatArray) -> Skill:
    """Return how well ``features`` (N, F) tell the largest source of one class from its others."""
    names, counts = np.unique(members.sources, return_counts=True)
    kept = np.isin(members.sources, names[counts >= MIN_CASES])
    if (counts >= MIN_CASES).sum() < 2:
        return not_estimable(label, f"{label} has one source only (with at least {MIN_CASES} images)")
    is_largest = (members.sources[kept] == names[counts.argmax()]).astype(np.int64)
    groups = members.groups[kept]
    scores = probe_by_patient(features[kept], is_largest, groups, 2, strength=_STRENGTH, seed=context.seed)
    return auroc_skill(label, is_largest == 1, scores[:, 1], groups)


@AUDITS.register("source-probe")
def audit_source_probe(context: AuditContext) -> AuditResult:
    """Measure a probe for the source on the network's features, within each class."""
    both, features = pooled(context)
    generator = context.generator(2)
    skills = []
    for column, label in enumerate(context.classes):
        members = generator.permutation(np.flatnonzero(both.labels == column))[:_MOST]
        skills.append(source_skill(context, label, both.where(members), features[members]))
    ordered = focus_first(skills, context.focus)
    measured = [
        f"{share(skill.retained)} within {skill.label}" for skill in ordered if skill.retained.value is not None
    ]
    sentence = "Not estimable: no class has two sources, so what the features know of them cannot be told from disease."
    if measured:
        sentence = f"A probe on the network's features tells the sources apart with a skill of {', '.join(measured)}."
    return AuditResult(
        name="source-probe",
        title="Source probe",
        question="Within one class: can the source be read from the features the network decides by?",
        expectation="lose",
        threshold=THRESHOLD,
        skills=ordered,
        flagged=flagged_labels(ordered, "lose", THRESHOLD),
        sentence=sentence,
        notes=("Skill is twice the AUROC less one: 0 % guesses, 100 % never errs.",),
    )
