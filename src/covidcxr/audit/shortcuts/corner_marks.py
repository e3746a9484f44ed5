"""Marks in the corners (L and R, dates, arrows) are wiped away: a network that read them loses its skill."""

from __future__ import annotations

import cv2
import numpy as np

from covidcxr.audit.context import AuditContext, Images
from covidcxr.audit.result import AuditResult
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.audit.wording import from_alteration

THRESHOLD = 0.8
CORNER = 0.28  # of the side


def wipe_corners(images: Images, *, corner: float = CORNER) -> Images:
    """Return copies of (N, S, S) images whose corners are smoothed by a median wide enough to remove a mark."""
    size = images.shape[1]
    side = max(2, round(size * corner))
    window = max(3, (size // 4) | 1)
    altered = images.copy()
    for image in altered:
        smooth = cv2.medianBlur(image, window)
        for rows in (slice(0, side), slice(size - side, size)):
            for columns in (slice(0, side), slice(size - side, size)):
                image[rows, columns] = smooth[rows, columns]
    return np.asarray(altered, dtype=np.uint8)


@AUDITS.register("corner-marks")
def audit_corner_marks(context: AuditContext) -> AuditResult:
    """Measure the network on images without corner marks."""
    return from_alteration(
        context,
        wipe_corners(context.test.images),
        name="corner-marks",
        title="Corner marks removed",
        question="The four corners are smoothed until no letter or date is left. A sound network keeps its skill.",
        subject="Without corner marks, the image",
        expectation="keep",
        threshold=THRESHOLD,
    )
