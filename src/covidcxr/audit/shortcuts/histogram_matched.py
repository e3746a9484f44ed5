"""Every image gets the histogram of one source: a network that read the exposure loses its skill."""

from __future__ import annotations

import numpy as np

from covidcxr.audit.context import AuditContext, Images
from covidcxr.audit.result import AuditResult
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.audit.wording import from_alteration
from covidcxr.metrics.checks import FloatArray

THRESHOLD = 0.5
_SAMPLED = 200


def mean_quantiles(images: Images) -> FloatArray:
    """Return the mean sorted gray values (S * S,) of (N, S, S) images."""
    return np.asarray(np.sort(images.reshape(len(images), -1), axis=1).mean(axis=0))


def match_histogram(images: Images, quantiles: FloatArray) -> Images:
    """Return copies of (N, S, S) images with the gray values ``quantiles`` (S * S,), in each image's own order."""
    flat = images.reshape(len(images), -1)
    ranks = np.argsort(np.argsort(flat, axis=1, kind="stable"), axis=1)
    return np.round(quantiles)[ranks].astype(np.uint8).reshape(images.shape)


@AUDITS.register("histogram-matched")
def audit_histogram_matched(context: AuditContext) -> AuditResult:
    """Measure the network on images of one and the same histogram."""
    test = context.test
    names, counts = np.unique(test.sources, return_counts=True)
    reference = str(names[counts.argmax()])
    of_reference = test.images[test.sources == reference][:_SAMPLED]
    return from_alteration(
        context,
        match_histogram(test.images, mean_quantiles(of_reference)),
        name="histogram-matched",
        title="One histogram for all",
        question=f"Every image gets the mean histogram of {reference}; shapes stay. A sound network keeps its skill.",
        subject="With one histogram for all, the image",
        expectation="keep",
        threshold=THRESHOLD,
    )
