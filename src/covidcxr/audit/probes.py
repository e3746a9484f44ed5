"""Simple classifiers fitted on a few numbers an image: how far something gets that cannot know the disease.

They are logistic regressions, class-balanced, fitted on training images, or on other patients of the test in turn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from covidcxr.audit.context import AuditContext
from covidcxr.metrics.checks import FloatArray, IntArray

MIN_CASES = 10
"""Cases of each side below which a probe is not worth fitting."""
_FOLDS = 5


def probe(train: FloatArray, labels: IntArray, test: FloatArray, num_classes: int, *, strength: float) -> FloatArray:
    """Fit on ``train`` (M, K) with ``labels`` (M,) and return probabilities (N, num_classes) of ``test`` (N, K).

    ``strength`` is scikit-learn's C: the smaller, the simpler the probe.
    """
    model = _model(strength)
    model.fit(train, labels)
    probabilities = np.zeros((len(test), num_classes))
    probabilities[:, np.asarray(model.classes_, dtype=np.int64)] = model.predict_proba(test)
    return probabilities


def probe_by_patient(
    features: FloatArray,
    labels: IntArray,
    groups: NDArray[np.str_],
    num_classes: int,
    *,
    strength: float,
    seed: int,
) -> FloatArray:
    """Return probabilities (N, num_classes) of each case by a probe fitted on other patients, in five turns.

    All the same where there are too few cases or patients to take turns.
    """
    probabilities = np.full((len(features), num_classes), 1.0 / num_classes)
    fewest = int(np.bincount(labels)[np.unique(labels)].min())
    folds = min(_FOLDS, len(np.unique(groups)), fewest)
    if folds < 2 or len(np.unique(labels)) < 2:
        return probabilities
    turns = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    for fitted, judged in turns.split(features, labels, groups):
        if len(np.unique(labels[fitted])) > 1:
            probabilities[judged] = probe(
                features[fitted], labels[fitted], features[judged], num_classes, strength=strength
            )
    return probabilities


def probe_classes(
    context: AuditContext, test: FloatArray, train: FloatArray | None, *, strength: float = 1.0
) -> FloatArray:
    """Return how a probe on (N, K) numbers tells the dataset's classes apart, fitted on train where there is one."""
    if context.train is None or train is None:
        return probe_by_patient(
            test, context.test.labels, context.test.groups, len(context.classes), strength=strength, seed=context.seed
        )
    return probe(train, context.train.labels, test, len(context.classes), strength=strength)


def _model(strength: float) -> Pipeline:
    # A looser tolerance than the default costs no ranking, and saves most of the iterations.
    regression = LogisticRegression(C=strength, class_weight="balanced", max_iter=1000, tol=1e-3)
    return make_pipeline(StandardScaler(), regression)
