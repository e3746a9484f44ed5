"""How good the probabilities themselves are: Brier score, cross-entropy, the paper's micro precision and recall.

Functions take labels (N,) and probabilities (N, C) that `checks` has accepted. Intervals are left to others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from covidcxr.metrics.checks import FloatArray, IntArray, check_labels, check_probabilities

KERAS_EPSILON = 1e-7  # keras.config.epsilon(), the clip of keras.losses.CategoricalCrossentropy


def softmax(logits: ArrayLike) -> FloatArray:
    """Return float64 probabilities (N, C) of ``logits`` (N, C)."""
    return np.asarray(special.softmax(np.asarray(logits, dtype=np.float64), axis=1))


def brier_values(labels: ArrayLike, probabilities: ArrayLike) -> FloatArray:
    """Return each case's squared distance to its one-hot class, (N,), in [0, 2] (Brier 1950)."""
    truth, values = _pair(labels, probabilities)
    return np.asarray(((values - _one_hot(truth, values.shape[1])) ** 2).sum(axis=1))


def cross_entropy_values(labels: ArrayLike, probabilities: ArrayLike, *, clip: float = KERAS_EPSILON) -> FloatArray:
    """Return each case's -ln of its class's probability, (N,), clipped to [clip, 1 - clip] as Keras does."""
    truth, values = _pair(labels, probabilities)
    return np.asarray(-np.log(np.clip(values[np.arange(truth.size), truth], clip, 1.0 - clip)))


def micro_counts(
    labels: ArrayLike, probabilities: ArrayLike, *, threshold: float = 0.5
) -> tuple[FloatArray, FloatArray]:
    """Return for each case how many of its (image, class) pairs are true positives, and how many are called positive.

    A pair is called positive if its probability is above ``threshold`` (Keras compares with ``>``).
    """
    truth, values = _pair(labels, probabilities)
    called = values > threshold
    return called[np.arange(truth.size), truth].astype(np.float64), called.sum(axis=1).astype(np.float64)


def true_class_probability(labels: ArrayLike, probabilities: ArrayLike) -> FloatArray:
    """Return the probability that each case's own class got, (N,)."""
    truth, values = _pair(labels, probabilities)
    return values[np.arange(truth.size), truth]


def _pair(labels: ArrayLike, probabilities: ArrayLike) -> tuple[IntArray, FloatArray]:
    values = check_probabilities(probabilities, np.size(labels))
    return check_labels(labels, values.shape[1]), values


def _one_hot(labels: IntArray, num_classes: int) -> FloatArray:
    return np.eye(num_classes)[labels]
