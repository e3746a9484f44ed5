"""What a confusion matrix says: accuracy, and sensitivity, specificity and predictive values of each class.

Every function takes matrices of shape (..., C, C), rows actual and columns predicted, counts or bootstrap weights,
and returns float64 of shape (...,) or (..., C); NaN where the metric is not estimable. Intervals are not made here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from covidcxr.core.errors import EvaluationError
from covidcxr.metrics.checks import FloatArray, IntArray, check_labels


def confusion_matrix(labels: ArrayLike, predicted: ArrayLike, num_classes: int) -> IntArray:
    """Count cases by actual and predicted class.

    Args:
        labels: (N,) actual classes, 0-based.
        predicted: (N,) predicted classes, 0-based.
        num_classes: C.

    Returns:
        int64 (C, C); rows actual, columns predicted.

    Raises:
        EvaluationError: If a label is out of range, or the two differ in length.
    """
    actual = check_labels(labels, num_classes)
    guess = check_labels(predicted, num_classes)
    if actual.shape != guess.shape:
        raise EvaluationError(f"predictions: found {guess.size} for {actual.size} cases; expected one for each case")
    return np.bincount(actual * num_classes + guess, minlength=num_classes**2).reshape(num_classes, num_classes)


def accuracy(confusion: ArrayLike) -> FloatArray:
    """Return the share of cases on the diagonal; NaN without cases."""
    matrix = _matrix(confusion)
    return _ratio(_diagonal(matrix).sum(axis=-1), matrix.sum(axis=(-2, -1)))


def sensitivity(confusion: ArrayLike) -> FloatArray:
    """Return TP / (TP + FN) of each class, (..., C); NaN for a class without cases. Also called recall."""
    matrix = _matrix(confusion)
    return _ratio(_diagonal(matrix), matrix.sum(axis=-1))


def specificity(confusion: ArrayLike) -> FloatArray:
    """Return TN / (TN + FP) of each class against the rest, (..., C); NaN if every case is of the class."""
    matrix = _matrix(confusion)
    true_positive = _diagonal(matrix)
    negatives = matrix.sum(axis=(-2, -1))[..., np.newaxis] - matrix.sum(axis=-1)
    return _ratio(negatives - (matrix.sum(axis=-2) - true_positive), negatives)


def ppv(confusion: ArrayLike) -> FloatArray:
    """Return the positive predictive value TP / (TP + FP) of each class, (..., C); NaN for a class never predicted."""
    matrix = _matrix(confusion)
    return _ratio(_diagonal(matrix), matrix.sum(axis=-2))


def npv(confusion: ArrayLike) -> FloatArray:
    """Return the negative predictive value TN / (TN + FN) of each class, (..., C); NaN if always predicted."""
    matrix = _matrix(confusion)
    true_positive = _diagonal(matrix)
    predicted_negative = matrix.sum(axis=(-2, -1))[..., np.newaxis] - matrix.sum(axis=-2)
    return _ratio(predicted_negative - (matrix.sum(axis=-1) - true_positive), predicted_negative)


def ppv_at(confusion: ArrayLike, prevalence: float) -> FloatArray:
    """Return the PPV of each class if it had ``prevalence``, by Bayes' rule from sensitivity and specificity."""
    return ppv_from(sensitivity(confusion), specificity(confusion), prevalence)


def npv_at(confusion: ArrayLike, prevalence: float) -> FloatArray:
    """Return the NPV of each class if it had ``prevalence``, by Bayes' rule from sensitivity and specificity."""
    return npv_from(sensitivity(confusion), specificity(confusion), prevalence)


def ppv_from(sensitivity: ArrayLike, specificity: ArrayLike, prevalence: float) -> FloatArray:
    """Return the PPV that a sensitivity and a specificity, of any one shape, give at ``prevalence``."""
    _check_prevalence(prevalence)
    found = np.asarray(sensitivity, dtype=np.float64) * prevalence
    return _ratio(found, found + (1.0 - np.asarray(specificity, dtype=np.float64)) * (1.0 - prevalence))


def npv_from(sensitivity: ArrayLike, specificity: ArrayLike, prevalence: float) -> FloatArray:
    """Return the NPV that a sensitivity and a specificity, of any one shape, give at ``prevalence``."""
    _check_prevalence(prevalence)
    cleared = np.asarray(specificity, dtype=np.float64) * (1.0 - prevalence)
    return _ratio(cleared, cleared + (1.0 - np.asarray(sensitivity, dtype=np.float64)) * prevalence)


def f1(confusion: ArrayLike) -> FloatArray:
    """Return 2 TP / (2 TP + FP + FN) of each class, (..., C); NaN for a class neither there nor predicted."""
    matrix = _matrix(confusion)
    return _ratio(2.0 * _diagonal(matrix), matrix.sum(axis=-1) + matrix.sum(axis=-2))


def balanced_accuracy(confusion: ArrayLike) -> FloatArray:
    """Return the mean sensitivity over all classes; NaN as soon as one of them has no case."""
    return np.asarray(sensitivity(confusion).mean(axis=-1))


def macro_f1(confusion: ArrayLike) -> FloatArray:
    """Return the mean F1 over all classes; NaN as soon as one of them is not estimable."""
    return np.asarray(f1(confusion).mean(axis=-1))


def mcc(confusion: ArrayLike) -> FloatArray:
    """Return Matthews' correlation for C classes (Gorodkin 2004); NaN if all cases, or predictions, are one class."""
    matrix = _matrix(confusion)
    actual, predicted = matrix.sum(axis=-1), matrix.sum(axis=-2)
    total = matrix.sum(axis=(-2, -1))
    covariance = _diagonal(matrix).sum(axis=-1) * total - (actual * predicted).sum(axis=-1)
    spread = (total**2 - (actual**2).sum(axis=-1)) * (total**2 - (predicted**2).sum(axis=-1))
    return _ratio(covariance, np.sqrt(spread))


def _matrix(confusion: ArrayLike) -> FloatArray:
    matrix = np.asarray(confusion, dtype=np.float64)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise EvaluationError(f"confusion matrix: found shape {matrix.shape}; expected (..., classes, classes)")
    return matrix


def _diagonal(matrix: FloatArray) -> FloatArray:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    result = np.full(np.broadcast_shapes(np.shape(numerator), np.shape(denominator)), np.nan)
    np.divide(numerator, denominator, out=result, where=np.asarray(denominator) > 0)
    return result


def _check_prevalence(prevalence: float) -> None:
    if not 0.0 <= prevalence <= 1.0:
        raise EvaluationError(f"prevalence: found {prevalence}; expected a share from 0 to 1")
