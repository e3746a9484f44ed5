"""A simple probe that never sees the lungs: whether what surrounds them gives the class away, used by a network or not.

One box around the lungs of all images is cut out, the same for every image, so that not even their place is seen.
"""

from __future__ import annotations

import cv2
import numpy as np

from covidcxr.audit.context import AuditContext, Images
from covidcxr.audit.pictures import before_and_after
from covidcxr.audit.probes import probe_classes
from covidcxr.audit.result import AuditResult
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.audit.wording import from_scores
from covidcxr.metrics.checks import BoolArray, FloatArray

THRESHOLD = 0.25
SIDE = 32
_STRENGTH = 0.003


def outside_pixels(images: Images, box: BoolArray) -> FloatArray:
    """Return the pixels outside ``box`` (S, S) of (N, S, S) images, reduced to 32 x 32, as (N, K) in [0, 1]."""
    kept = np.asarray(cv2.resize(box.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)) < 0.5
    hidden = np.where(box, np.uint8(0), images)
    small = [cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)[kept] for image in hidden]
    return np.asarray(small, dtype=np.float64) / 255.0


@AUDITS.register("outside-probe")
def audit_outside_probe(context: AuditContext) -> AuditResult:
    """Measure a linear probe on everything but the lungs."""
    box = context.regions.common_box(context.size)
    train = None if context.train is None else outside_pixels(context.train.images, box)
    return from_scores(
        context,
        probe_classes(context, outside_pixels(context.test.images, box), train, strength=_STRENGTH),
        name="outside-probe",
        title="Probe outside the lungs",
        question="A logistic regression is fitted on what surrounds the lungs. It says what the data give away there.",
        subject="A linear probe that never sees the lungs",
        expectation="lose",
        threshold=THRESHOLD,
        picture=before_and_after(context, np.where(box, np.uint8(0), context.test.images)),
    )
