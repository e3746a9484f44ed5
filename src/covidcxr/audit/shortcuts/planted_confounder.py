"""Control: a confounder is planted where there is nothing else to learn, and the audits must see it.

Patients get random labels, so no probe can know them. Then 80 % of the one kind and 20 % of the other get a tag, a
border, an exposure or another compression, resampling or sharpening, and a probe on the planted images has skill by it
alone. With the lungs blacked out a linear probe on the pixels must keep that skill (tag, border), six intensity numbers
must have it too (exposure), or the fine texture outside the lungs must have what that of the whole image has.
Brightness of 3 % is planted in the benchmark only: six numbers see no change that is far below what patients differ by.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import cv2
import numpy as np

from covidcxr.audit.context import AuditContext, Images, ImageSet
from covidcxr.audit.pictures import before_and_after
from covidcxr.audit.plants import PLANTS, STORED, plant
from covidcxr.audit.probes import probe
from covidcxr.audit.result import AuditResult, Skill, compare_skills
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.audit.shortcuts.lungs_blacked_out import black_out_lungs
from covidcxr.audit.texture import texture_features
from covidcxr.audit.wording import share
from covidcxr.evaluation.nuisance import intensity_features
from covidcxr.metrics.checks import FloatArray, IntArray

PLANTED = tuple(kind for kind in PLANTS if kind != "brightness")
CORRELATION = 0.8
THRESHOLD = 0.25
_SIDE = 24
_STRENGTH = 0.001


@AUDITS.register("planted-confounder")
def audit_planted_confounder(context: AuditContext) -> AuditResult:
    """Plant each confounder in turn and see whether the audits find it."""
    generator = context.generator(4)
    skills = tuple(_one_kind(context, kind, generator) for kind in PLANTED)
    missed = tuple(skill.label for skill in skills if not _is_seen(skill))
    seen = [skill.label for skill in skills if skill.label not in missed]
    words = (
        f"A planted {', '.join(seen)} {'is' if len(seen) == 1 else 'are'} seen"
        if seen
        else "No planted confounder is seen"
    )
    details = ", ".join(f"{skill.label} {share(skill.retained)}" for skill in skills)
    return AuditResult(
        name="planted-confounder",
        title="Planted confounder",
        question=f"Control: labels are random, and {CORRELATION:.0%} of one kind carry a tag, a border, an "
        "exposure or another compression, resampling or sharpening.",
        expectation="control",
        threshold=THRESHOLD,
        skills=skills,
        flagged=missed,
        sentence=f"{words}: the audits show {details} of a probe's skill to come from it.",
        picture=before_and_after(context, PLANTS["tag"](context.test.images)),
    )


def _is_seen(skill: Skill) -> bool:
    value, low = skill.retained.value, skill.retained.low
    return value is not None and low is not None and value >= THRESHOLD and low > 0


def _one_kind(context: AuditContext, kind: str, generator: np.random.Generator) -> Skill:
    test = _deal(context.test, kind, generator)
    train = None if context.train is None else _deal(context.train, kind, generator)
    if kind in STORED:
        everywhere = np.ones((context.size, context.size), dtype=np.bool_)
        outside = ~context.regions.common_box(context.size)
        whole, part = (
            _scores(functools.partial(texture_features, shown=shown), test, test.images, train, strength=1.0)
            for shown in (everywhere, outside)
        )
        return compare_skills(test.labels, test.groups, ("without", kind), whole, part)[1]
    whole = _scores(_pixels, test, test.images, train)
    if kind == "intensity":
        part = _scores(intensity_features, test, test.images, train)
    else:
        part = _scores(_pixels, test, black_out_lungs(test.images, context.regions), train)
    skills = compare_skills(test.labels, test.groups, ("without", kind), whole, part)
    return skills[1]


def _deal(images: ImageSet, kind: str, generator: np.random.Generator) -> ImageSet:
    """Return the set with a random one of two labels for each patient and the confounder planted by it."""
    names, index = np.unique(images.groups, return_inverse=True)
    labels: IntArray = generator.permutation(np.arange(names.size) % 2)[index]
    planted = plant(images.images, labels == 1, kind, share=CORRELATION, generator=generator)
    return ImageSet(images=planted, labels=labels, groups=images.groups, sources=images.sources, ages=images.ages)


def _pixels(images: Images) -> FloatArray:
    small = [cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).ravel() for image in images]
    return np.asarray(small, dtype=np.float64) / 255.0


def _scores(
    numbers: Callable[[Images], FloatArray],
    test: ImageSet,
    judged: Images,
    train: ImageSet | None,
    *,
    strength: float = _STRENGTH,
) -> FloatArray:
    """Return probabilities (N, 2) of ``judged`` by a probe fitted on train, or on the other half of the patients."""
    of_judged = numbers(judged)
    if train is not None:
        return probe(numbers(train.images), train.labels, of_judged, 2, strength=strength)
    of_test = numbers(test.images)
    half = np.unique(test.groups, return_inverse=True)[1] // 2 % 2 == 0
    scores = np.full((len(of_judged), 2), 0.5)
    for fitted, others in ((half, ~half), (~half, half)):
        if others.any() and np.unique(test.labels[fitted]).size == 2:
            scores[others] = probe(of_test[fitted], test.labels[fitted], of_judged[others], 2, strength=strength)
    return scores
