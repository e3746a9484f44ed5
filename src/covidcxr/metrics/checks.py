"""What every metric asks of its arrays, checked once at the door.

The metrics themselves are not known here; neither is what to do about a fault, other than to name it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from covidcxr.core.errors import EvaluationError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_SUM_TOLERANCE = 1e-3  # float32 softmax over a few classes sums to 1 within 1e-6; hand-rounded tables within 1e-3


def check_labels(labels: ArrayLike, num_classes: int) -> IntArray:
    """Return ``labels`` (N,) as int64 in [0, num_classes).

    Raises:
        EvaluationError: If there are none, or a label is not a whole number in that range; the message names the row.
    """
    given = np.asarray(labels)
    if given.ndim != 1 or given.size == 0:
        raise EvaluationError(f"labels: found shape {given.shape}; expected one label per case, and at least one case")
    if given.dtype.kind not in "biuf":
        raise EvaluationError(f"labels: row 0 is {given[0]!r}; expected a whole number from 0 to {num_classes - 1}")
    array = np.where(np.isfinite(given), given, -1).astype(np.int64)
    wrong = np.flatnonzero((array != given) | (array < 0) | (array >= num_classes))
    if wrong.size:
        row = int(wrong[0])
        raise EvaluationError(f"labels: row {row} is {given[row]}; expected a whole number from 0 to {num_classes - 1}")
    return array


def check_probabilities(probabilities: ArrayLike, num_cases: int) -> FloatArray:
    """Return ``probabilities`` (N, C) as float64, each row in [0, 1] and summing to 1.

    Raises:
        EvaluationError: If the shape is wrong, or a value is NaN, outside [0, 1], or a row does not sum to 1.
    """
    array = np.asarray(probabilities, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] != num_cases or array.shape[1] < 2:
        raise EvaluationError(
            f"probabilities: found shape {array.shape}; expected ({num_cases}, classes), with at least 2 classes"
        )
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if bad.size:
        raise EvaluationError(
            f"probabilities: row {bad[0]} has NaN or infinity; predict it again, or leave the case out by name"
        )
    bad = np.flatnonzero((array < 0).any(axis=1) | (array > 1 + _SUM_TOLERANCE).any(axis=1))
    if bad.size:
        raise EvaluationError(
            f"probabilities: row {bad[0]} is {array[bad[0]].tolist()}; expected values from 0 to 1 (softmax first?)"
        )
    bad = np.flatnonzero(np.abs(array.sum(axis=1) - 1.0) > _SUM_TOLERANCE)
    if bad.size:
        total = float(array[bad[0]].sum())
        raise EvaluationError(f"probabilities: row {bad[0]} sums to {total:.6g}; expected 1 (softmax first?)")
    return array


def check_truths(truths: ArrayLike, *, what: str = "truths") -> BoolArray:
    """Return ``truths`` (N,) as bool: true or false, or 1 or 0.

    Anything else is refused, because bool() would make a positive of it: NaN, -1, the text "0".

    Args:
        truths: What is to be checked.
        what: What they are, for the message.

    Raises:
        EvaluationError: If one is neither; the message names the row.
    """
    given = np.asarray(truths)
    if given.dtype.kind == "O":  # a table's column: its members decide
        given = np.asarray(given.tolist()) if all(isinstance(one, bool | int | float) for one in given.flat) else given
    if given.ndim != 1:
        raise EvaluationError(f"{what}: found shape {given.shape}; expected one for each case")
    wrong = np.arange(given.size) if given.dtype.kind not in "biuf" else np.flatnonzero((given != 0) & (given != 1))
    if wrong.size:
        row = int(wrong[0])
        raise EvaluationError(f"{what}: row {row} is {given[row]!r}; expected true or false, or 1 or 0")
    return given.astype(np.bool_)


def check_scores(positive: ArrayLike, scores: ArrayLike) -> tuple[BoolArray, FloatArray]:
    """Return ``positive`` (N,) as bool and ``scores`` (N,) as float64.

    Raises:
        EvaluationError: If they differ in length, are empty, a truth is neither true nor false, or a score is NaN.
    """
    is_positive = check_truths(positive)
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or values.shape != is_positive.shape or values.size == 0:
        raise EvaluationError(
            f"scores: found shapes {is_positive.shape} and {values.shape}; expected a truth and a score for each case"
        )
    bad = np.flatnonzero(np.isnan(values))
    if bad.size:
        raise EvaluationError(f"scores: row {bad[0]} is NaN; predict it again, or leave the case out by name")
    return is_positive, values


def cluster_index(groups: ArrayLike | None, num_cases: int) -> tuple[IntArray, int]:
    """Return each case's cluster as an index (N,) in [0, K), and K; without ``groups`` every case is its own.

    Raises:
        EvaluationError: If ``groups`` does not have one patient for each case.
    """
    if groups is None:
        return np.arange(num_cases, dtype=np.int64), num_cases
    array = np.asarray(groups)
    if array.shape != (num_cases,):
        raise EvaluationError(f"groups: found shape {array.shape}; expected ({num_cases},), one patient for each case")
    unknown = np.flatnonzero([one is None for one in array]) if array.dtype.kind == "O" else np.zeros(0)
    unknown = np.flatnonzero(np.isnan(array)) if array.dtype.kind == "f" else unknown
    if unknown.size:
        raise EvaluationError(
            f"groups: row {int(unknown[0])} has no patient; expected one for each case: give every case of an unknown "
            "patient a name of its own"
        )
    if array.dtype.kind == "O":
        array = array.astype(np.str_)
    names, index = np.unique(array, return_inverse=True)
    return index.astype(np.int64), int(names.size)
