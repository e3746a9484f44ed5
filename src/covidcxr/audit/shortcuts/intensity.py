"""Six numbers of an image's gray values: whether exposure and processing alone give the class away.

Disease brightens lungs, so the numbers of the whole image may know it honestly. Therefore a class is flagged only if
the same six numbers of what lies outside the lungs have a good part of the skill too.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from covidcxr.audit.context import AuditContext, Images
from covidcxr.audit.pictures import before_and_after
from covidcxr.audit.probes import probe_classes
from covidcxr.audit.result import AuditResult
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.audit.wording import from_scores
from covidcxr.evaluation.nuisance import INTENSITY_NAMES, intensity_features

THRESHOLD = 0.5
OUTSIDE = 0.25


def sorted_gray(images: Images) -> Images:
    """Return (N, S, S) images with their pixels sorted by brightness: all that is left is the histogram."""
    return np.sort(images.reshape(len(images), -1), axis=1).reshape(images.shape)


@AUDITS.register("intensity")
def audit_intensity(context: AuditContext) -> AuditResult:
    """Measure a linear probe on six intensity numbers."""
    outside = _outside(context)
    train = None if context.train is None else intensity_features(context.train.images)
    result = from_scores(
        context,
        probe_classes(context, intensity_features(context.test.images), train),
        name="intensity",
        title="Six intensity numbers",
        question=f"A logistic regression sees only {', '.join(INTENSITY_NAMES)} of each image's gray values.",
        subject="A linear probe on six intensity numbers",
        expectation="lose",
        threshold=THRESHOLD,
        picture=before_and_after(context, sorted_gray(context.test.images)),
        notes=(f"Flagged only where the numbers of what lies outside the lungs keep skill too. {outside.sentence}",),
    )
    return replace(result, flagged=tuple(label for label in result.flagged if label in outside.flagged))


def _outside(context: AuditContext) -> AuditResult:
    """Return how far six numbers of the pixels outside one box around all lungs get."""
    outside = ~context.regions.common_box(context.size)
    train = None if context.train is None else intensity_features(context.train.images[:, outside][:, np.newaxis])
    part = probe_classes(context, intensity_features(context.test.images[:, outside][:, np.newaxis]), train)
    return from_scores(
        context,
        part,
        name="intensity-outside",
        title="Six intensity numbers outside the lungs",
        question="",
        subject="Outside the lungs, a probe on six numbers",
        expectation="lose",
        threshold=OUTSIDE,
    )
