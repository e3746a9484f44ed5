"""The lungs are blacked out: whatever skill is left does not come from them (Maguolo & Nanni 2021)."""

from __future__ import annotations

import numpy as np

from covidcxr.audit.context import AuditContext, Images, LungRegions
from covidcxr.audit.result import AuditResult
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.audit.wording import from_alteration

THRESHOLD = 0.25


def black_out_lungs(images: Images, regions: LungRegions) -> Images:
    """Return copies of (N, S, S) images with a black box over both lungs and a margin.

    A box, not the outline: the outline of the lungs would still tell a child's chest from an adult's.
    """
    return np.where(regions.box_masks(images.shape[1]), np.uint8(0), images)


def guessed_note(regions: LungRegions) -> tuple[str, ...]:
    """Return the note on images in which no lungs were found."""
    missing = int((~regions.found).sum())
    return (
        (f"No lungs were found in {missing} of {len(regions.found)} images; a central box stood in.",)
        if missing
        else ()
    )


@AUDITS.register("lungs-blacked-out")
def audit_lungs_blacked_out(context: AuditContext) -> AuditResult:
    """Measure the network on images without lungs."""
    return from_alteration(
        context,
        black_out_lungs(context.test.images, context.regions),
        name="lungs-blacked-out",
        title="Lungs blacked out",
        question="A black box covers both lungs. What the network still knows, it does not know from the lungs.",
        subject="With the lungs blacked out, the rest of the image",
        expectation="lose",
        threshold=THRESHOLD,
        notes=guessed_note(context.regions),
    )
