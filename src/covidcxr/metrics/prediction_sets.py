"""Logits to calibrated probabilities and a decision, with the numbers a bundle carries.

How temperature, thresholds and conformal quantiles are found is not known here; `covidcxr.metrics` measures them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import special


def calibrated(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return the softmax of (..., classes) logits divided by ``temperature`` (C. Guo et al., ICML 2017)."""
    return np.asarray(special.softmax(logits.astype(np.float64) / temperature, axis=-1), dtype=np.float32)


def decide(probabilities: NDArray[np.float32], classes: tuple[str, ...], thresholds: Mapping[str, float]) -> str:
    """Return the class that (classes,) probabilities mean.

    A class with a threshold is chosen if its probability reaches it, the one furthest above its own if several do;
    otherwise the most probable class without a threshold; without thresholds, the most probable class.
    """
    reached = {
        name: float(value) - thresholds[name]
        for name, value in zip(classes, probabilities, strict=True)
        if name in thresholds and value >= thresholds[name]
    }
    if reached:
        return max(reached, key=lambda name: reached[name])
    rest = [position for position, name in enumerate(classes) if name not in thresholds] or range(len(classes))
    return classes[max(rest, key=lambda position: float(probabilities[position]))]


def prediction_set(
    probabilities: NDArray[np.float32],
    classes: tuple[str, ...],
    quantiles: Mapping[str, float | Mapping[str, float]],
) -> tuple[str, ...]:
    """Return the split-conformal set at the highest coverage the bundle knows; empty if it knows none.

    A class is in it if 1 minus its probability is at most the quantile, its own or the one of all classes (G. Shafer &
    V. Vovk, JMLR 2008). It is empty too where no class is as probable as it was in that share of its validation cases;
    were the most probable class always in it, sets of a good network would cover more than they promise.
    """
    if not quantiles:
        return ()
    of_coverage = quantiles[_coverage(quantiles)]
    limits = of_coverage if isinstance(of_coverage, Mapping) else dict.fromkeys(classes, of_coverage)
    return tuple(name for name, value in zip(classes, probabilities, strict=True) if 1.0 - float(value) <= limits[name])


def undecided(
    label: str, possible: tuple[str, ...], quantiles: Mapping[str, float | Mapping[str, float]]
) -> tuple[str, ...]:
    """Return why a prediction set is no decision: one is ``label`` alone, or that there are no sets.

    What of several, of none, or of another class makes the label is not as sure as the bundle's coverage asks for.
    """
    if not quantiles or possible == (label,):
        return ()
    share, held = float(_coverage(quantiles)), " and ".join(possible) or "no class"
    return (f"undecided: the set that holds the true class of {share:.0%} of cases holds {held}",)


def _coverage(quantiles: Mapping[str, float | Mapping[str, float]]) -> str:
    """Return the highest coverage the bundle knows, as it writes it."""
    return max(quantiles, key=float)
