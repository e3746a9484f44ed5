"""An 8 x 8 thumbnail: how little detail a simple probe needs to do what the network does."""

from __future__ import annotations

import cv2
import numpy as np

from covidcxr.audit.context import AuditContext, Images
from covidcxr.audit.pictures import before_and_after
from covidcxr.audit.probes import probe_classes
from covidcxr.audit.result import AuditResult
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.audit.wording import from_scores
from covidcxr.metrics.checks import FloatArray

SIDE = 8


def thumbnails(images: Images) -> Images:
    """Return (N, 8, 8) area averages of (N, S, S) images."""
    return np.stack([np.asarray(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)) for image in images])


def _numbers(images: Images) -> FloatArray:
    return thumbnails(images).reshape(len(images), -1).astype(np.float64) / 255.0


@AUDITS.register("thumbnail")
def audit_thumbnail(context: AuditContext) -> AuditResult:
    """Measure a linear probe on thumbnails."""
    train = None if context.train is None else _numbers(context.train.images)
    return from_scores(
        context,
        probe_classes(context, _numbers(context.test.images), train, strength=0.1),
        name="thumbnail",
        title="8 x 8 thumbnail",
        question="A logistic regression sees the image as 64 gray squares, too coarse for most signs of disease.",
        subject="A linear probe on 8 x 8 thumbnails",
        expectation="context",
        threshold=0.8,
        picture=before_and_after(context, thumbnails(context.test.images)),
        notes=("Large opacities survive in a thumbnail too, so this does not count by itself.",),
    )
