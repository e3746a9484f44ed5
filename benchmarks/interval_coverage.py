"""How often nominal 95 % confidence intervals hold the true value, in simulated cohorts with several images a patient.

Six kinds of cohort (`COHORTS`): 250 patients; 30; 12; 69 images of 21 patients; 30 patients of whom one has a third of
all images; and 30 patients with a network that is right in 95 %. Images of one patient share a random effect, so they
are not independent. True values come from 200,000 simulated patients. Counted are the intervals as reports print them:
every metric of `measure`, the gap of a subgroup, the mean cross-entropy of a class, a predictive value at a prevalence,
the AUROC difference of two networks on the same patients, differences of other metrics, the change between two
cohorts, the share of skill of an audit, and for comparison the percentile bootstrap. Bar: 93-97 % in each cell; cells
outside are listed with the side they err on (``outside``). ``printed`` is the share of cohorts that got an interval.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from benchmarks.record import versions, write_result
from covidcxr.audit.result import compare_skills
from covidcxr.core.types import Metric
from covidcxr.evaluation.cohort import Cohort
from covidcxr.evaluation.report import evaluate_cohort
from covidcxr.metrics.comparison import independent_difference, paired_delong, paired_differences
from covidcxr.metrics.discrimination import auroc
from covidcxr.metrics.measure import measure
from covidcxr.metrics.metric_set import MetricSet
from covidcxr.metrics.settings import IntervalSettings

CLASSES = ("COVID-19", "Normal", "Pneumonia")
PREVALENCE = 0.1
INSIDE, OUTSIDE, STRONG = 1.8, 1.2, 3.5  # how far a class's own logit is raised
CHANGED = ("accuracy", "sensitivity/COVID-19", "auroc/COVID-19")
COMPARED = ("accuracy", "balanced_accuracy", "sensitivity/COVID-19", "brier")
LOWEST, HIGHEST = 93.0, 97.0

Images = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of cohort: patients, how images are dealt to them, and how good the network is."""

    patients: int
    deal: str = "1 to 5"
    signal: float = INSIDE


COHORTS = {
    "250 patients": Kind(patients=250),
    "30 patients": Kind(patients=30),
    "12 patients": Kind(patients=12),
    "69 images of 21 patients": Kind(patients=21, deal="69"),
    "30 patients, one with a third": Kind(patients=30, deal="one has a third"),
    "30 patients, right in 95 %": Kind(patients=30, signal=STRONG),
}


def cohort(generator: np.random.Generator, kind: Kind) -> Images:
    """Return labels, probabilities and patients of a cohort whose images of one patient resemble each other."""
    number = kind.patients
    if kind.deal == "69":
        images = 1 + generator.multinomial(69 - number, np.full(number, 1 / number))
    elif kind.deal == "one has a third":
        images = generator.integers(1, 4, number)
        images[0] = images[1:].sum() // 2
    else:
        images = generator.integers(1, 6, number)
    groups = np.repeat(np.arange(number), images)
    labels = generator.choice(3, number, p=[0.25, 0.35, 0.4])[groups]
    logits = generator.normal(size=(number, 3))[groups] + 0.7 * generator.normal(size=(groups.size, 3))
    return labels, special.softmax(logits + kind.signal * np.eye(3)[labels], axis=1), groups


def other_network(generator: np.random.Generator, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what a second, weaker network says of the same images."""
    noisy = np.log(probabilities) + 0.8 * generator.normal(size=probabilities.shape)
    return np.asarray(special.softmax(noisy, axis=1))


def true_values(kind: Kind) -> dict[str, float]:
    """Return every figure of 200,000 patients by name."""
    generator = np.random.default_rng(2020)
    crowd = Kind(patients=200_000, signal=kind.signal)
    labels, probabilities, _ = cohort(generator, crowd)
    values = _metrics(labels, probabilities)
    second = other_network(generator, probabilities)
    others = _metrics(labels, second)
    values |= {f"difference of two networks, {name}": values[name] - others[name] for name in COMPARED}
    ranked = auroc(labels == 0, second[:, 0])
    values["difference of two networks, auroc/COVID-19"] = values["auroc/COVID-19"] - ranked
    values["share of skill, COVID-19"] = (ranked - 0.5) / (values["auroc/COVID-19"] - 0.5)
    values["cross_entropy_smoothed/COVID-19"] = float(-np.log(probabilities[labels == 0, 0]).mean())
    values["gap of a subgroup, accuracy"] = 0.0
    there = _metrics(*cohort(generator, Kind(patients=200_000, signal=OUTSIDE))[:2])
    values |= {f"change between two cohorts, {name}": there[name] - values[name] for name in CHANGED}
    return values


def _metrics(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, float]:
    whole = MetricSet(labels, probabilities, CLASSES, prevalence={"COVID-19": PREVALENCE})
    return dict(zip(whole.names, map(float, whole(np.ones((1, labels.size)))[0]), strict=True))


def intervals_of(seed: int, kind: Kind, rounds: int) -> Iterator[tuple[str, Metric]]:
    """Yield every interval of one simulated cohort, by the name of its true value."""
    generator = np.random.default_rng([seed, 1])
    labels, probabilities, groups = cohort(generator, kind)
    settings = IntervalSettings(rounds=rounds, seed=seed)
    halves = np.where(generator.random(kind.patients) < 0.4, "F", "M")[groups]
    report = evaluate_cohort(
        Cohort(
            name="simulated",
            classes=CLASSES,
            record_ids=tuple(f"{index}" for index in range(labels.size)),
            labels=labels,
            probabilities=probabilities,
            groups=groups.astype(np.str_),
            columns={"sex": halves},
        ),
        intervals=settings,
        prevalence={"COVID-19": PREVALENCE},
    )
    yield from report.metrics.items()
    if "sex=F" in report.subgroups:
        yield "gap of a subgroup, accuracy", report.subgroups["sex=F"]["accuracy_gap"]
        yield "sensitivity/COVID-19 of a subgroup", report.subgroups["sex=F"]["sensitivity/COVID-19"]
    second = other_network(generator, probabilities)
    paired = paired_delong(labels == 0, probabilities[:, 0], second[:, 0], groups=groups)
    low, high = (limit if np.isfinite(limit) else None for limit in (paired.low, paired.high))
    yield "difference of two networks, auroc/COVID-19", Metric(name="", value=paired.value, low=low, high=high)
    differences = paired_differences(labels, probabilities, second, CLASSES, groups=groups, intervals=settings)
    yield from ((f"difference of two networks, {name}", differences[name]) for name in COMPARED)
    yield "share of skill, COVID-19", compare_skills(labels, groups, CLASSES, probabilities, second)[0].retained
    there = cohort(generator, Kind(patients=kind.patients, deal=kind.deal, signal=OUTSIDE))
    elsewhere = measure(there[0], there[1], CLASSES, groups=there[2], intervals=settings, calibration=False)
    for name in CHANGED:
        yield f"change between two cohorts, {name}", independent_difference(report.metrics[name], elsewhere[name])
    resampled = measure(
        labels,
        probabilities,
        CLASSES,
        groups=groups,
        intervals=IntervalSettings(method="percentile", rounds=rounds, seed=seed),
        calibration=False,
    )
    yield from ((f"percentile bootstrap, {name}", resampled[name]) for name in CHANGED)


def coverage(kind: Kind, cohorts: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return for each figure how often its interval holds the truth, lies above or below it, and is printed at all."""
    truth = true_values(kind)
    sides: dict[str, list[int]] = defaultdict(list)
    widths: dict[str, list[float]] = defaultdict(list)
    for seed in range(cohorts):
        for name, metric in intervals_of(seed, kind, rounds):
            plain = name.removeprefix("percentile bootstrap, ").removesuffix(" of a subgroup")
            true = truth.get(name, truth.get(plain))
            if true is None or not (name.endswith("COVID-19") or "/" not in name):
                continue
            sides.setdefault(name, [])
            if metric.low is not None and metric.high is not None:
                sides[name].append(1 if metric.low > true else -1 if metric.high < true else 0)
                widths[name].append(metric.high - metric.low)
    return {
        name: {
            "covered": _percent([side == 0 for side in found]),
            "above": _percent([side == 1 for side in found]),
            "below": _percent([side == -1 for side in found]),
            "printed": round(100 * len(found) / cohorts, 1),
            "mean_width": round(float(np.mean(widths[name])), 3),
        }
        for name, found in sides.items()
        if found
    }


def _percent(hits: list[bool]) -> float:
    return round(100 * float(np.mean(hits)), 1)


def outside(found: dict[str, dict[str, float]], cohorts: int) -> list[str]:
    """Return the cells outside 93-97 % by more than the luck of so many cohorts, those too narrow first."""
    words = []
    for name, cell in found.items():
        number = max(1.0, cell["printed"] * cohorts / 100)
        luck = 2 * 100 * (0.05 * 0.95 / number) ** 0.5
        if name.startswith("percentile") or LOWEST - luck <= cell["covered"] <= HIGHEST + luck:
            continue
        words.append((cell["covered"], f"{name}: {cell['covered']} % of {round(number)}"))
    return [text for _, text in sorted(words)]


def main() -> None:
    """Simulate, count and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--only", choices=tuple(COHORTS))
    given = parser.parse_args()
    found = {
        name: coverage(kind, given.cohorts, given.rounds)
        for name, kind in COHORTS.items()
        if given.only in (None, name)
    }
    if given.only is not None:
        for name, cell in found[given.only].items():
            print(f"{name:45s} {cell}")
        return
    write_result(
        "interval_coverage",
        {
            "outside": {name: outside(cells, given.cohorts) for name, cells in found.items()},
            "coverage_percent": found,
            "cohorts": given.cohorts,
            "rounds": given.rounds,
        },
        versions=versions("numpy", "scipy"),
    )


if __name__ == "__main__":
    main()
