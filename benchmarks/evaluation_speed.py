"""How long all metrics of 100,000 predictions take with 2,000 patient-clustered bootstrap rounds. Bar: 30 s."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.record import versions, write_result
from covidcxr.metrics.measure import measure
from covidcxr.metrics.probabilities import softmax
from covidcxr.metrics.settings import IntervalSettings

CASES = 100_000
ROUNDS = 2_000

if __name__ == "__main__":
    generator = np.random.default_rng(0)
    labels = generator.choice(3, CASES, p=[0.15, 0.3, 0.55])
    probabilities = softmax(generator.normal(size=(CASES, 3)) + 1.5 * np.eye(3)[labels])
    seconds = {}
    for name, patients in (("each_case_a_patient", CASES), ("three_cases_a_patient", CASES // 3)):
        start = time.perf_counter()
        measured = measure(
            labels,
            probabilities,
            ("a", "b", "c"),
            groups=np.arange(CASES) % patients,
            intervals=IntervalSettings(rounds=ROUNDS),
        )
        seconds[name] = round(time.perf_counter() - start, 1)
    write_result(
        "evaluation_speed",
        {"seconds": seconds, "cases": CASES, "rounds": ROUNDS, "metrics": len(measured)},
        versions=versions("numpy"),
    )
