"""How often nominal 95 % intervals hold the true value: 1,000 simulated cohorts of patients with several images.

Each patient has 1-5 images that share a random effect, so images are not independent. The true values come from
400,000 simulated patients. Bars: 93-97 % for every interval that a report or a comparison shows (``summary``):
percentile and BCa bootstrap, Wilson for proportions near 0 or 1, DeLong for the AUROC, paired DeLong for two networks
on the same patients, and the recovered interval of a change between two cohorts. For comparison: percentile intervals
if every image were taken as a patient.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.record import versions, write_result
from covidcxr.core.types import Metric
from covidcxr.metrics.bootstrap import BootstrapResult, bootstrap
from covidcxr.metrics.comparison import independent_difference, paired_delong
from covidcxr.metrics.discrimination import auroc
from covidcxr.metrics.intervals import clustered_wilson, delong
from covidcxr.metrics.metric_set import MetricSet
from covidcxr.metrics.probabilities import softmax

CLASSES = ("COVID-19", "Normal", "Pneumonia")
TARGET = "auroc/COVID-19"
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
    TARGET,
    "average_precision/COVID-19",
    "brier",
    "cross_entropy",
    "micro_precision",
    "micro_recall",
    "true_probability/COVID-19",
)
CHANGED = ("accuracy", "sensitivity/COVID-19", TARGET)
INSIDE, OUTSIDE = 1.8, 1.2  # how far a class's own logit is raised in the first and in the other hospital
AS_PATIENTS = "images_as_patients"


def cohort(
    generator: np.random.Generator, patients: int, signal: float = INSIDE
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return labels, probabilities and patients of a cohort whose images of one patient resemble each other."""
    groups = np.repeat(np.arange(patients), generator.integers(1, 6, patients))
    labels = generator.choice(3, patients, p=[0.25, 0.35, 0.4])[groups]
    logits = generator.normal(size=(patients, 3))[groups] + 0.7 * generator.normal(size=(groups.size, 3))
    return labels, softmax(logits + signal * np.eye(3)[labels]), groups


def other_network(generator: np.random.Generator, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what a second, weaker network says of the same images."""
    return softmax(np.log(probabilities) + 0.8 * generator.normal(size=probabilities.shape))


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The metrics of the first and of the other hospital's patients, and the difference of the two networks' AUROCs."""

    inside: dict[str, float]
    outside: dict[str, float]
    difference: float


def population() -> Truth:
    """Return the true values, from 400,000 patients of each hospital."""
    generator = np.random.default_rng(2020)
    labels, probabilities, _ = cohort(generator, 400_000)
    inside = true_metrics(labels, probabilities)
    second = auroc(labels == 0, other_network(generator, probabilities)[:, 0])
    labels, probabilities, _ = cohort(generator, 400_000, OUTSIDE)
    return Truth(inside=inside, outside=true_metrics(labels, probabilities), difference=inside[TARGET] - second)


def true_metrics(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, float]:
    """Return every metric by name."""
    whole = MetricSet(labels, probabilities, CLASSES)
    return dict(zip(whole.names, map(float, whole(np.ones((1, labels.size)))[0]), strict=True))


def main() -> None:
    """Simulate, count and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=1000)
    parser.add_argument("--patients", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=1000)
    given = parser.parse_args()
    truth = population()
    counts: dict[str, dict[str, int]] = {}
    for seed in range(given.cohorts):
        for name, held in one_cohort(seed, given.patients, given.rounds, truth).items():
            for method, is_held in held.items():
                counts.setdefault(name, {}).setdefault(method, 0)
                counts[name][method] += is_held
    coverage = {name: {m: round(100 * n / given.cohorts, 1) for m, n in held.items()} for name, held in counts.items()}
    write_result(
        "interval_coverage",
        {
            "summary": summary(coverage),
            "coverage_percent": coverage,
            "cohorts": given.cohorts,
            "patients_a_cohort": given.patients,
            "rounds": given.rounds,
        },
        versions=versions("numpy", "scipy"),
    )


def summary(coverage: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return the lowest and highest coverage of each method that is shown, and of all of them."""
    by_method: dict[str, list[float]] = {}
    for held in coverage.values():
        for method, share in held.items():
            if method != AS_PATIENTS:
                by_method.setdefault(method, []).append(share)
    by_method["all"] = [share for shares in by_method.values() for share in shares]
    return {method: {"lowest": min(shares), "highest": max(shares)} for method, shares in by_method.items()}


def one_cohort(seed: int, patients: int, rounds: int, truth: Truth) -> dict[str, dict[str, bool]]:
    """Return, for each metric and method, whether the interval of one simulated cohort holds the true value."""
    generator = np.random.default_rng([seed, 1])
    labels, probabilities, groups = cohort(generator, patients)
    metric_set = MetricSet(labels, probabilities, CLASSES)
    clustered = bootstrap(metric_set, num_cases=labels.size, groups=groups, rounds=rounds, seed=seed, jackknife=True)
    naive = bootstrap(metric_set, num_cases=labels.size, groups=None, rounds=rounds, seed=seed)
    held: dict[str, dict[str, bool]] = {}
    for name in SHOWN:
        column = metric_set.names.index(name)
        intervals = {
            "percentile": clustered.interval(column),
            "bca": clustered.interval(column, method="bca"),
            AS_PATIENTS: naive.interval(column),
        }
        proportion = metric_set.successes(name)
        if proportion is not None:
            counted = proportion[1] > 0
            intervals["wilson"] = clustered_wilson(proportion[0][counted], groups[counted])
        if name == TARGET:
            intervals["delong"] = delong(labels == 0, probabilities[:, 0], groups=groups)
        held[name] = {method: i.low <= truth.inside[name] <= i.high for method, i in intervals.items()}
    second = other_network(generator, probabilities)
    paired = paired_delong(labels == 0, probabilities[:, 0], second[:, 0], groups=groups)
    held["difference of two networks, auroc/COVID-19"] = {
        "paired_delong": paired.low <= truth.difference <= paired.high
    }
    there = cohort(generator, patients // 2, OUTSIDE)
    elsewhere = MetricSet(there[0], there[1], CLASSES)
    resampled = bootstrap(elsewhere, num_cases=there[0].size, groups=there[2], rounds=rounds, seed=seed)
    for name in CHANGED:
        column = metric_set.names.index(name)
        change = independent_difference(as_metric(name, clustered, column), as_metric(name, resampled, column))
        is_held = (change.low or 0.0) <= truth.outside[name] - truth.inside[name] <= (change.high or 0.0)
        held[f"change between two cohorts, {name}"] = {"recovered": is_held}
    return held


def as_metric(name: str, result: BootstrapResult, column: int) -> Metric:
    """Return a percentile interval as reports carry it."""
    found = result.interval(column)
    return Metric(name=name, value=found.value, low=found.low, high=found.high)


if __name__ == "__main__":
    main()
