"""Where a network looked on the images of a cohort, as a distribution over some of them.

The heat maps are those of ``covidcxr explain``; the input gate is not asked, because what is measured is the network
on exactly the images that the evaluation judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from covidcxr.core.progress import Progress
from covidcxr.core.types import Metric
from covidcxr.evaluation.cohort import Cohort
from covidcxr.evaluation.heat_map_rule import HEAT_MAP_OUTSIDE
from covidcxr.explain.rows import Row, summarise, to_row
from covidcxr.imaging.reading import read
from covidcxr.metrics.intervals import clustered_wilson
from covidcxr.report.heat_maps import FAILED, PEAK_OUTSIDE, CohortExplanations

if TYPE_CHECKING:
    from covidcxr.explain.explainer import Explainer

MAX_FILMS = 200


def explain_cohort(
    explainer: Explainer,
    cohort: Cohort,
    paths: Mapping[str, Path],
    *,
    progress: Progress,
) -> CohortExplanations:
    """Explain up to `MAX_FILMS` images of a cohort.

    Args:
        explainer: The network and the method.
        cohort: The judged cases.
        paths: Record id to file.
        progress: Progress reporter.
    """
    chosen = chosen_cases(cohort, MAX_FILMS)
    names = [cohort.record_ids[case] for case in chosen]
    found = explainer.explain_all(read(paths[name], origin=name) for name in names)
    tracked = progress.track(found, total=len(names), label=f"explain {cohort.name}")
    rows = [to_row(explanation.record_id, explanation) for explanation in tracked]
    groups = cohort.groups[chosen].tolist()
    return CohortExplanations(
        method=explainer.method_name,
        num_images=cohort.num_images,
        overall=summarise(rows),
        by_class={
            label: summarise(row for row in rows if row.target == label)
            for label in cohort.classes
            if any(row.target == label for row in rows)
        },
        metrics=map_shares(rows, groups) | outside_by_class(rows, groups),
    )


def chosen_cases(cohort: Cohort, most: int) -> list[int]:
    """Return up to ``most`` cases, always the same: the classes in turn, each patient once before any twice."""
    queues: list[list[tuple[int, int]]] = [[] for _ in cohort.classes]
    seen: Counter[str] = Counter()
    for case in np.random.default_rng(0).permutation(cohort.num_images).tolist():
        group = str(cohort.groups[case])
        queues[int(cohort.labels[case])].append((seen[group], case))
        seen[group] += 1
    ordered = [sorted(queue, key=lambda entry: entry[0]) for queue in queues]
    in_turn = [entry[1] for entry in chain.from_iterable(zip_longest(*ordered)) if entry is not None]
    return sorted(in_turn[:most])


def outside_by_class(rows: Sequence[Row], groups: Sequence[str]) -> dict[str, Metric]:
    """Return ``heat_map_outside/CLASS``: the share of maps outside the lungs, where lungs and heat were found."""
    found: dict[str, list[tuple[bool, str]]] = {}
    for row, group in zip(rows, groups, strict=True):
        if row.lung_fraction is not None:
            outside = any(reason.startswith("outside-lungs:") for reason in row.reasons)
            found.setdefault(row.target, []).append((outside, group))
    metrics = {}
    for label, pairs in sorted(found.items()):
        interval = clustered_wilson([outside for outside, _ in pairs], [group for _, group in pairs])
        name = f"{HEAT_MAP_OUTSIDE}/{label}"
        metrics[name] = interval.metric(name, len(pairs))
    return metrics


def map_shares(rows: Sequence[Row], groups: Sequence[str]) -> dict[str, Metric]:
    """Return ``heat_map_failed`` and ``heat_map_peak_outside`` with intervals by patient (``groups``)."""
    metrics = {}
    for name, outcomes in (
        (FAILED, [(row.status == "failed", True) for row in rows]),
        (PEAK_OUTSIDE, [(row.peak_in_lungs is False, row.peak_in_lungs is not None) for row in rows]),
    ):
        counted = [(hit, group) for (hit, counts), group in zip(outcomes, groups, strict=True) if counts]
        interval = clustered_wilson([hit for hit, _ in counted], [group for _, group in counted])
        metrics[name] = interval.metric(name, len(counted), absent="no lungs were found on any image")
    return metrics
