"""How far a name alone tells the classes, such as that of the source: a guess that never saw the case's own label."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.model_selection import StratifiedGroupKFold

from covidcxr.metrics.checks import BoolArray, FloatArray, IntArray
from covidcxr.metrics.discrimination import auroc

_FOLDS = 5
_SHUFFLES = 20


def class_shares(known: NDArray[np.str_], labels: IntArray, names: NDArray[np.str_], num_classes: int) -> FloatArray:
    """Return the share of each class among the cases of the same name, (N, num_classes).

    One case of every class is added to each name; an unknown name has equal shares.

    Args:
        known: (M,) names of the cases whose labels are known.
        labels: (M,) their classes.
        names: (N,) names of the cases to guess.
        num_classes: C.
    """
    counts = {str(name): np.ones(num_classes) for name in np.unique(names)}
    for name, label in zip(known, labels, strict=True):
        if str(name) in counts:
            counts[str(name)][label] += 1
    shares = {name: count / count.sum() for name, count in counts.items()}
    return np.stack([shares[str(name)] for name in names])


def told_by_other_patients(
    names: NDArray[np.str_], labels: IntArray, groups: NDArray[np.str_], num_classes: int, *, seed: int = 0
) -> FloatArray:
    """Return a guess of each case's class from its name, learnt from the other patients in five turns, (N, C).

    A guess that had seen the label of the case itself would tell random labels too, the better the fewer cases a name
    has. The scores of each turn are replaced by their ranks: what was learnt without a case's label leans away from
    it, which would make pairs from different turns look the wrong way round. All are equal with too few patients.
    """
    scores = np.full((len(labels), num_classes), 0.5)
    index = np.unique(groups, return_inverse=True)[1]
    fewest = min((np.unique(index[labels == label]).size for label in np.unique(labels)), default=0)
    folds = min(_FOLDS, fewest)
    if folds < 2:
        return scores
    turns = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        for others, judged in turns.split(labels, labels, index):
            shares = class_shares(names[others], labels[others], names[judged], num_classes)
            scores[judged] = (stats.rankdata(shares, axis=0) - 0.5) / len(judged)
    return scores


def area_above_chance(names: NDArray[np.str_], positive: BoolArray, groups: NDArray[np.str_]) -> float:
    """Return how well the share of positives among the cases of each name tells them, without what chance adds.

    The AUROC of such a guess on its own cases is above 0.5 for random labels too. It is put on a scale where the mean
    of labels shuffled among patients is 0.5, and 1 stays 1; never below 0.5.

    Args:
        names: (N,) such as sources.
        positive: (N,).
        groups: (N,) patients.
    """
    index = np.unique(names, return_inverse=True)[1]
    sizes = np.bincount(index)

    def area(truth: BoolArray) -> float:
        return auroc(truth, (np.bincount(index, weights=truth) / sizes)[index])

    patients = np.unique(groups, return_index=True, return_inverse=True)
    generator = np.random.default_rng(0)
    of_patient = positive[patients[1]]
    shuffled = [generator.permutation(of_patient)[patients[2]] for _ in range(_SHUFFLES)]
    drawn = [area(truth) for truth in shuffled if truth.any() and not truth.all()]
    chance = float(np.mean(drawn)) if drawn else 0.5
    found = area(positive)
    return 0.5 + 0.5 * max(0.0, found - chance) / (1 - chance) if chance < 1 else 0.5
