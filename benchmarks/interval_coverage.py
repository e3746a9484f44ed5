"""How often nominal 95 % intervals hold the true value: 1,000 simulated cohorts of patients with several images.

Each patient has 1-5 images that share a random effect, so images are not independent. The true values come from
400,000 simulated patients. Bars: 93-97 % for the intervals that reports show (percentile bootstrap; Wilson for
proportions near 0 or 1 and DeLong are beside them); and, for comparison, if every image were taken as
a patient.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from benchmarks.record import versions, write_result
from covidcxr.metrics.bootstrap import bootstrap
from covidcxr.metrics.intervals import clustered_wilson, delong
from covidcxr.metrics.metric_set import MetricSet
from covidcxr.metrics.probabilities import softmax

CLASSES = ("COVID-19", "Normal", "Pneumonia")
SHOWN = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "mcc",
    "sensitivity/COVID-19",
    "specificity/COVID-19",
    "ppv/COVID-19",
    "npv/COVID-19",
    "f1/COVID-19",
    "auroc/COVID-19",
    "average_precision/COVID-19",
    "brier",
    "cross_entropy",
    "micro_precision",
    "micro_recall",
    "true_probability/COVID-19",
)


def cohort(
    generator: np.random.Generator, patients: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return labels, probabilities and patients of a cohort whose images of one patient resemble each other."""
    groups = np.repeat(np.arange(patients), generator.integers(1, 6, patients))
    labels = generator.choice(3, patients, p=[0.25, 0.35, 0.4])[groups]
    logits = generator.normal(size=(patients, 3))[groups] + 0.7 * generator.normal(size=(groups.size, 3))
    return labels, softmax(logits + 1.8 * np.eye(3)[labels]), groups


def covered(low: float, value: float, high: float) -> bool:
    """Return whether the interval holds the value."""
    return low <= value <= high


def main() -> None:
    """Simulate, count and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=1000)
    parser.add_argument("--patients", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=1000)
    given = parser.parse_args()
    labels, probabilities, _ = cohort(np.random.default_rng(2020), 400_000)
    population = MetricSet(labels, probabilities, CLASSES)
    truth = dict(zip(population.names, population(np.ones((1, labels.size)))[0], strict=True))
    counts: dict[str, dict[str, int]] = {}
    for seed in range(given.cohorts):
        for name, held in one_cohort(seed, given.patients, given.rounds, truth).items():
            for method, is_held in held.items():
                counts.setdefault(name, {}).setdefault(method, 0)
                counts[name][method] += is_held
    coverage = {name: {m: round(100 * n / given.cohorts, 1) for m, n in held.items()} for name, held in counts.items()}
    percentile = [held["percentile"] for held in coverage.values()]
    write_result(
        "interval_coverage",
        {
            "coverage_percent": coverage,
            "lowest_percentile": min(percentile),
            "highest_percentile": max(percentile),
            "cohorts": given.cohorts,
            "patients_a_cohort": given.patients,
            "rounds": given.rounds,
        },
        versions=versions("numpy", "scipy"),
    )


def one_cohort(seed: int, patients: int, rounds: int, truth: dict[str, float]) -> dict[str, dict[str, bool]]:
    """Return, for each metric and method, whether the interval of one simulated cohort holds the true value."""
    labels, probabilities, groups = cohort(np.random.default_rng([seed, 1]), patients)
    metric_set = MetricSet(labels, probabilities, CLASSES)
    clustered = bootstrap(metric_set, num_cases=labels.size, groups=groups, rounds=rounds, seed=seed, jackknife=True)
    naive = bootstrap(metric_set, num_cases=labels.size, groups=None, rounds=rounds, seed=seed)
    held: dict[str, dict[str, bool]] = {}
    for name in SHOWN:
        column = metric_set.names.index(name)
        intervals = {
            "percentile": clustered.interval(column),
            "bca": clustered.interval(column, method="bca"),
            "images_as_patients": naive.interval(column),
        }
        proportion = metric_set.successes(name)
        if proportion is not None:
            counted = proportion[1] > 0
            intervals["wilson"] = clustered_wilson(proportion[0][counted], groups[counted])
        if name == "auroc/COVID-19":
            intervals["delong"] = delong(labels == 0, probabilities[:, 0], groups=groups)
        held[name] = {method: covered(i.low, truth[name], i.high) for method, i in intervals.items()}
    return held


if __name__ == "__main__":
    main()
