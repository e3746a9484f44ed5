"""Conformal coverage and calibration error on real predictions: 20 random divisions of a test part by patient.

Each division fits temperature, vector scaling and class-conditional 90 % sets on one half of the patients and measures
them on the other; the sets are those that `covidcxr.metrics.prediction_sets.prediction_set` gives, as every prediction
does. Bars, as means over the divisions: sets hold the true class in 88-92 % of the cases; the calibration error after
scaling is at most 0.03 (``debiased_vector``: less what chance adds to it in bins of some 36 cases). ``with_best``: the
coverage if the most probable class were in every set, which is at least the accuracy.
The input is ``predictions.csv`` of an evaluation report: ``covidcxr evaluate BUNDLE DATASET --out REPORT``.
"""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from benchmarks.record import versions, write_result
from covidcxr.metrics.calibration import equal_mass_bins, expected_calibration_error, fit_temperature
from covidcxr.metrics.conformal import fit_conformal, set_coverage
from covidcxr.metrics.prediction_sets import prediction_set

DIVISIONS = 20
COVERAGE = 0.9


def calibration_error(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the top-label calibration error over ten equal-mass bins."""
    return expected_calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)


def fit_vector_scaling(
    logits: NDArray[np.float64], labels: NDArray[np.int64], *, penalty: float = 1e-4
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a positive scale and an offset of each logit (C. Guo et al., 2017) that minimise cross-entropy.

    ``penalty`` times the squared offsets, and times the squared logarithms of the scales, is added so that a small
    validation part does not send them away.
    """
    classes = logits.shape[1]
    one_hot = np.eye(classes)[labels]

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scale, offset = np.exp(parameters[:classes]), parameters[classes:]
        scaled = logits * scale + offset
        slope = (special.softmax(scaled, axis=1) - one_hot) / labels.size
        gradient = np.concatenate([(slope * logits).sum(axis=0) * scale, slope.sum(axis=0)]) + 2 * penalty * parameters
        own = (special.logsumexp(scaled, axis=1) - scaled[np.arange(labels.size), labels]).mean()
        return float(own) + penalty * float((parameters**2).sum()), gradient

    fitted = optimize.minimize(loss, np.zeros(2 * classes), jac=True, method="L-BFGS-B")
    return np.exp(fitted.x[:classes]), fitted.x[classes:]


def debiased_calibration_error(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], num_bins: int = 10
) -> float:
    """Return the root mean square calibration error over equal-mass bins, less what chance alone adds (Kumar 2019)."""
    order, starts = equal_mass_bins(confidence, num_bins)
    sizes = np.diff(np.append(starts, order.size))
    hits = np.add.reduceat(correct[order].astype(np.float64), starts) / sizes
    gaps = np.add.reduceat(confidence[order], starts) / sizes - hits
    squared = float((sizes * (gaps**2 - hits * (1 - hits) / (sizes - 1))).sum() / order.size)
    return math.sqrt(max(0.0, squared))


def one_division(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], groups: NDArray[np.str_], seed: int
) -> dict[str, float]:
    """Fit on one half of the patients of each class and measure on the other half."""
    generator = np.random.default_rng(seed)
    fitted = np.zeros(labels.size, dtype=bool)
    names, first = np.unique(groups, return_index=True)
    for column in range(probabilities.shape[1]):
        members = generator.permutation(names[labels[first] == column])
        fitted |= np.isin(groups, members[: len(members) // 2])
    logits = np.log(np.clip(probabilities, 1e-12, None))
    temperature = fit_temperature(logits[fitted], labels[fitted]).probabilities(logits)
    scale, offset = fit_vector_scaling(logits[fitted], labels[fitted])
    vector = special.softmax(logits * scale + offset, axis=1)
    fit = fit_conformal(temperature[fitted], labels[fitted], coverage=COVERAGE)
    judged = ~fitted
    classes = tuple(map(str, range(probabilities.shape[1])))
    quantiles = {str(COVERAGE): dict(zip(classes, map(float, fit.thresholds), strict=True))}
    given = [prediction_set(row, classes, quantiles) for row in temperature[judged].astype(np.float32)]
    sets = np.array([[label in names for label in classes] for names in given])
    measured = set_coverage(sets, labels[judged])
    best = np.eye(len(classes), dtype=np.bool_)[temperature[judged].argmax(axis=1)]
    return {
        "coverage": measured.overall.value,
        "lowest_class_coverage": min(interval.value for interval in measured.by_class),
        "with_best": set_coverage(sets | best, labels[judged]).overall.value,
        "mean_set_size": measured.mean_size,
        "empty_sets": measured.empty,
        "ece_as_predicted": calibration_error(probabilities[judged], labels[judged]),
        "ece_temperature": calibration_error(temperature[judged], labels[judged]),
        "ece_vector": calibration_error(vector[judged], labels[judged]),
        "debiased_vector": debiased_calibration_error(
            vector[judged].max(axis=1), vector[judged].argmax(axis=1) == labels[judged]
        ),
    }


def main() -> None:
    """Divide, fit, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", type=Path, required=True, help="predictions.csv of an evaluation report")
    with parser.parse_args().predictions.open(newline="", encoding="utf-8") as stream:
        table = list(csv.DictReader(stream))
    columns = [name for name in table[0] if name.startswith("probability/")]
    classes = [name.removeprefix("probability/") for name in columns]
    probabilities = np.array([[float(row[name]) for name in columns] for row in table])
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels = np.array([classes.index(row["label"]) for row in table], dtype=np.int64)
    groups = np.array([row["group_id"] for row in table])
    rows = [one_division(probabilities, labels, groups, seed) for seed in range(DIVISIONS)]
    figures = {
        name: {
            "mean": round(float(np.mean([row[name] for row in rows])), 4),
            "lowest": round(min(row[name] for row in rows), 4),
            "highest": round(max(row[name] for row in rows), 4),
        }
        for name in rows[0]
    }
    write_result(
        "calibration_coverage",
        {**figures, "cases": int(labels.size), "patients": int(np.unique(groups).size), "divisions": DIVISIONS},
        versions=versions("numpy", "scipy"),
    )


if __name__ == "__main__":
    main()
