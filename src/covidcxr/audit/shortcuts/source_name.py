"""No image at all: how far the name of the source gets, because each class comes from sources of its own."""

from __future__ import annotations

import numpy as np

from covidcxr.audit.context import AuditContext, ImageSet
from covidcxr.audit.result import AuditResult
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.audit.wording import from_scores
from covidcxr.metrics.checks import FloatArray

THRESHOLD = 0.5


def class_shares(
    train: ImageSet, sources: np.ndarray[tuple[int, ...], np.dtype[np.str_]], num_classes: int
) -> FloatArray:
    """Return the share of each class among the training images of each case's source, (N, num_classes).

    One case of every class is added to each source; an unknown source has equal shares.
    """
    counts = {str(source): np.ones(num_classes) for source in np.unique(sources)}
    for source, label in zip(train.sources, train.labels, strict=True):
        if str(source) in counts:
            counts[str(source)][label] += 1
    shares = {source: count / count.sum() for source, count in counts.items()}
    return np.stack([shares[str(source)] for source in sources])


@AUDITS.register("source-name")
def audit_source_name(context: AuditContext) -> AuditResult:
    """Measure a guess from the source alone."""
    sources = context.test.sources
    part = class_shares(context.train or context.test, sources, len(context.classes))
    return from_scores(
        context,
        part,
        name="source-name",
        title="The source's name alone",
        question="Without any image: how far does knowing only which collection it comes from get?",
        subject=f"Knowing only which of {len(np.unique(sources))} sources an image comes from",
        expectation="lose",
        threshold=THRESHOLD,
        notes=(
            "Where this is high, no test on these data tells a network that knows disease from one that knows sources.",
        ),
    )
