"""How good the probabilities themselves are: Brier score, cross-entropy, the paper's micro precision and recall.

Functions take labels (N,) and probabilities (N, C) that `checks` has accepted. Intervals are left to others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from covidcxr.core.types import Metric
from covidcxr.metrics.checks import FloatArray, IntArray, check_labels, check_probabilities, cluster_index

KERAS_EPSILON = 1e-7  # keras.config.epsilon(), the clip of keras.losses.CategoricalCrossentropy


def softmax(logits: ArrayLike) -> FloatArray:
    """Return float64 probabilities (N, C) of ``logits`` (N, C)."""
    return np.asarray(special.softmax(np.asarray(logits, dtype=np.float64), axis=1))


def brier_values(labels: ArrayLike, probabilities: ArrayLike) -> FloatArray:
    """Return each case's squared distance to its one-hot class, (N,), in [0, 2] (Brier 1950)."""
    truth, values = _pair(labels, probabilities)
    return np.asarray(((values - _one_hot(truth, values.shape[1])) ** 2).sum(axis=1))


def brier(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Return the mean of `brier_values`: 0 is perfect, 2 is sure and wrong throughout."""
    return float(brier_values(labels, probabilities).mean())


def cross_entropy_values(labels: ArrayLike, probabilities: ArrayLike, *, clip: float = KERAS_EPSILON) -> FloatArray:
    """Return each case's -ln of its class's probability, (N,), clipped to [clip, 1 - clip] as Keras does."""
    truth, values = _pair(labels, probabilities)
    return np.asarray(-np.log(np.clip(values[np.arange(truth.size), truth], clip, 1.0 - clip)))


def cross_entropy(labels: ArrayLike, probabilities: ArrayLike, *, clip: float = KERAS_EPSILON) -> float:
    """Return the mean of `cross_entropy_values`, in nats."""
    return float(cross_entropy_values(labels, probabilities, clip=clip).mean())


def micro_counts(
    labels: ArrayLike, probabilities: ArrayLike, *, threshold: float = 0.5
) -> tuple[FloatArray, FloatArray]:
    """Return for each case how many of its (image, class) pairs are true positives, and how many are called positive.

    A pair is called positive if its probability is above ``threshold`` (Keras compares with ``>``).
    """
    truth, values = _pair(labels, probabilities)
    called = values > threshold
    return called[np.arange(truth.size), truth].astype(np.float64), called.sum(axis=1).astype(np.float64)


def micro_precision(labels: ArrayLike, probabilities: ArrayLike, *, threshold: float = 0.5) -> float:
    """Return Keras's Precision over all (image, class) pairs; NaN if no pair is called positive."""
    hits, called = micro_counts(labels, probabilities, threshold=threshold)
    return float(hits.sum() / called.sum()) if called.sum() else float("nan")


def micro_recall(labels: ArrayLike, probabilities: ArrayLike, *, threshold: float = 0.5) -> float:
    """Return Keras's Recall over all (image, class) pairs: every image has exactly one positive pair."""
    hits, _ = micro_counts(labels, probabilities, threshold=threshold)
    return float(hits.mean())


def true_class_probability(labels: ArrayLike, probabilities: ArrayLike) -> FloatArray:
    """Return the probability that each case's own class got, (N,)."""
    truth, values = _pair(labels, probabilities)
    return values[np.arange(truth.size), truth]


def mean_true_class_probability(
    labels: ArrayLike,
    probabilities: ArrayLike,
    class_index: int,
    *,
    groups: ArrayLike | None = None,
    level: float = 0.95,
    name: str = "mean_true_probability",
) -> Metric:
    """Return the mean probability of the true class over the cases of one class, with a Student interval.

    With ``groups`` the standard error is the cluster-robust one (patients are independent, their images are not);
    without, it is the plain one of the published tables.
    """
    values = true_class_probability(labels, probabilities)
    members = np.asarray(labels) == class_index
    values = values[members]
    if values.size < 1:
        return Metric(name=name, value=None, reason="no case of this class")
    index, num_clusters = cluster_index(None if groups is None else np.asarray(groups)[members], values.size)
    mean = float(values.mean())
    if num_clusters < 2:
        return Metric(name=name, value=mean, num_cases=values.size, reason="one patient only: no interval")
    residuals = np.bincount(index, weights=values - mean, minlength=num_clusters)
    variance = num_clusters / (num_clusters - 1) * float((residuals**2).sum()) / values.size**2
    margin = float(stats.t.ppf(0.5 + level / 2, num_clusters - 1)) * variance**0.5
    return Metric(name=name, value=mean, low=mean - margin, high=mean + margin, num_cases=values.size)


def _pair(labels: ArrayLike, probabilities: ArrayLike) -> tuple[IntArray, FloatArray]:
    values = check_probabilities(probabilities, np.size(labels))
    return check_labels(labels, values.shape[1]), values


def _one_hot(labels: IntArray, num_classes: int) -> FloatArray:
    return np.eye(num_classes)[labels]
