"""Only the border of the image is left: collimation, markers, frames and background, but no lungs."""

from __future__ import annotations

from covidcxr.audit.context import AuditContext, Images
from covidcxr.audit.result import AuditResult
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.audit.wording import from_alteration

THRESHOLD = 0.25
BORDER = 0.12  # of the side


def keep_border(images: Images, *, border: float = BORDER) -> Images:
    """Return copies of (N, S, S) images that are black but for a frame of ``border`` of the side."""
    width = max(1, round(images.shape[1] * border))
    altered = images.copy()
    altered[:, width:-width, width:-width] = 0
    return altered


@AUDITS.register("border-only")
def audit_border_only(context: AuditContext) -> AuditResult:
    """Measure the network on borders."""
    return from_alteration(
        context,
        keep_border(context.test.images),
        name="border-only",
        title="Only the border",
        question=f"Only the outer {BORDER:.0%} of the image is left, the rest is black. No disease is seen there.",
        subject="The border alone",
        expectation="lose",
        threshold=THRESHOLD,
    )
