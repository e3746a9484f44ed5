"""No image at all: how far the name of the source gets, because each class comes from sources of its own."""

from __future__ import annotations

import numpy as np

from covidcxr.audit.context import AuditContext
from covidcxr.audit.result import AuditResult
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.audit.wording import from_scores
from covidcxr.evaluation.told_by_name import class_shares, told_by_other_patients
from covidcxr.metrics.checks import FloatArray

THRESHOLD = 0.5


def guess(context: AuditContext) -> FloatArray:
    """Return a guess of each test image's class from its source alone, (N, classes).

    Learnt from the training images, or, without any, from the other patients of the test in turn.
    """
    test, train, number = context.test, context.train, len(context.classes)
    if train is not None:
        return class_shares(train.sources, train.labels, test.sources, number)
    return told_by_other_patients(test.sources, test.labels, test.groups, number, seed=context.seed)


@AUDITS.register("source-name")
def audit_source_name(context: AuditContext) -> AuditResult:
    """Measure a guess from the source alone."""
    sources = context.test.sources
    return from_scores(
        context,
        guess(context),
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
