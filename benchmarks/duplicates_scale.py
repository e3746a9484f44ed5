"""How the search by hash, the grouping and the split grow from ten thousand to a million simulated records.

A record has a 64-bit hash, a source (of five), a patient (3 images each on average, a tenth unknown) and a label. One
in twenty is a near-duplicate of another record, with 0 to 4 bits turned, often in another source. The code that runs is
the code that ``compile`` runs; each size runs in a process of its own, so that its peak memory is its own.
Bars at 1,000,000: 90 s and 3 GB on two cores.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import versions, write_result
from covidcxr.core.recipe import SplitRecipe
from covidcxr.core.types import Record
from covidcxr.curation.candidates import Candidate
from covidcxr.curation.duplicates import near_hashes
from covidcxr.curation.groups import find_films, find_groups
from covidcxr.curation.image_work import ImageFacts
from covidcxr.curation.splits.random_by_patient import random_by_patient

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
LABELS = ("COVID-19", "Normal", "Pneumonia")
MAX_DISTANCE = 4


def simulate(count: int) -> tuple[list[Record], np.ndarray, set[tuple[int, int]]]:
    """Return records, their hashes and the planted pairs (lower row first)."""
    rng = np.random.default_rng(count)
    hashes = rng.integers(0, 2**64, count, np.uint64)
    planted = set()
    copies = rng.choice(np.arange(count // 2, count), count // 20, replace=False)
    for row, other in zip(copies.tolist(), rng.integers(0, count // 2, len(copies)).tolist(), strict=True):
        flips = rng.choice(64, int(rng.integers(0, MAX_DISTANCE + 1)), replace=False)
        hashes[row] = hashes[other] ^ np.uint64(sum(1 << int(bit) for bit in flips))
        planted.add((other, row))
    sources, patients, labels = rng.integers(0, 5, count), rng.integers(0, count // 3, count), rng.integers(0, 3, count)
    known = rng.random(count) < 0.9
    path = Path("film.jpg")
    records = [
        Record(
            record_id=f"s{sources[row]}:{row:07d}",
            source=f"s{sources[row]}",
            path=path,
            patient_id=f"s{sources[row]}:p{patients[row]}" if known[row] else None,
            label=LABELS[labels[row]],
        )
        for row in range(count)
    ]
    return records, hashes, planted


def measure(count: int) -> dict[str, Any]:
    """Return seconds a step, peak memory and what was found."""
    records, hashes, planted = simulate(count)
    simulated_gb = _peak_gb()
    marks = [(time.perf_counter(), time.process_time())]

    def mark() -> None:
        marks.append((time.perf_counter(), time.process_time()))

    first, second = near_hashes(hashes, max_distance=MAX_DISTANCE)
    mark()
    ids = [record.record_id for record in records]
    facts = {name: ImageFacts(record_id=name, size_bytes=0, mtime_ns=0, sha256=name) for name in ids}
    films = find_films(facts, ((ids[a], ids[b]) for a, b in zip(first.tolist(), second.tolist(), strict=True)))
    groups = find_groups(records, films)
    mark()
    candidates = [
        Candidate(
            record=record,
            facts=facts[record.record_id],
            label=record.label,
            film=films[record.record_id],
            group_id=groups[record.record_id],
        )
        for record in records
    ]
    plan = random_by_patient(candidates, SplitRecipe(strategy="random-by-patient"), np.random.default_rng(0))
    mark()
    places: dict[str, set[str]] = {}
    for candidate in candidates:
        places.setdefault(candidate.group_id, set()).add(plan.splits[candidate.record_id])
    found = set(zip(first.tolist(), second.tolist(), strict=True))
    return {
        "records": count,
        **{
            f"{name}_seconds": {"wall": round(after[0] - before[0], 2), "cpu": round(after[1] - before[1], 2)}
            for name, before, after in zip(("hash", "group", "split"), marks, marks[1:], strict=False)
        },
        "wall_seconds": round(marks[-1][0] - marks[0][0], 2),
        "cpu_seconds": round(marks[-1][1] - marks[0][1], 2),
        "peak_gb": round(_peak_gb(), 2),
        "peak_gb_before": round(simulated_gb, 2),
        "planted_pairs": len(planted),
        "planted_found": len(planted & found),
        "groups": len(places),
        "groups_in_two_splits": sum(len(splits) > 1 for splits in places.values()),
    }


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Measure every size, each in its own process, and fit how the cost grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", type=int, help="measure this size only and print it as JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one)))
        return
    command = [sys.executable, "-m", "benchmarks.duplicates_scale", "--one"]
    results = [json.loads(subprocess.check_output([*command, str(size)], text=True)) for size in SIZES]
    sizes, seconds = (np.log([result[key] for result in results]) for key in ("records", "cpu_seconds"))
    exponent = float(np.polyfit(sizes, seconds, 1)[0])
    write_result(
        "duplicates_scale",
        {"sizes": results, "growth_exponent": round(exponent, 3)},
        versions=versions("numpy"),
    )


if __name__ == "__main__":
    main()
