"""The fine texture outside the lungs: whether compression, resampling or sharpening alone give the class away.

Each hospital and each public collection stores its images in its own way. None of that is disease, and all of it is in
every pixel, also where there is no lung.
"""

from __future__ import annotations

from covidcxr.audit.context import AuditContext
from covidcxr.audit.probes import probe_classes
from covidcxr.audit.result import AuditResult
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.audit.texture import TEXTURE_NAMES, texture_features
from covidcxr.audit.wording import from_scores

THRESHOLD = 0.25


@AUDITS.register("texture")
def audit_texture(context: AuditContext) -> AuditResult:
    """Measure a linear probe on nine numbers of the texture outside the lungs."""
    outside = ~context.regions.common_box(context.size)
    train = None if context.train is None else texture_features(context.train.images, outside)
    return from_scores(
        context,
        probe_classes(context, texture_features(context.test.images, outside), train),
        name="texture",
        title="Fine texture outside the lungs",
        question=f"A logistic regression sees only {', '.join(TEXTURE_NAMES)} outside the lungs: what compression, "
        "resampling and sharpening leave.",
        subject="A linear probe on fine texture outside the lungs",
        expectation="lose",
        threshold=THRESHOLD,
    )
