"""Only the lungs are left: how much of the skill they carry by themselves."""

from __future__ import annotations

import numpy as np

from covidcxr.audit.context import AuditContext, Images, LungRegions
from covidcxr.audit.result import AuditResult
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.audit.shortcuts.lungs_blacked_out import guessed_note
from covidcxr.audit.wording import from_alteration


def keep_lungs(images: Images, regions: LungRegions) -> Images:
    """Return copies of (N, S, S) images that are black outside the lung fields."""
    return np.where(regions.masks_at(images.shape[1]), images, np.uint8(0))


@AUDITS.register("lungs-only")
def audit_lungs_only(context: AuditContext) -> AuditResult:
    """Measure the network on lungs alone."""
    return from_alteration(
        context,
        keep_lungs(context.test.images, context.regions),
        name="lungs-only",
        title="Only the lungs",
        question="Everything but the lung fields is black. A network that reads the lungs keeps much of its skill.",
        subject="The lungs alone",
        expectation="context",
        threshold=0.5,
        notes=(
            "A low share can also mean that the network never saw black surroundings, so it does not count by itself.",
            *guessed_note(context.regions),
        ),
    )
