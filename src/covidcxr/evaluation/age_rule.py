"""What the answers for adults and children without the target say of a network: the rule ``reads-age``, in words."""

from __future__ import annotations

from typing import Literal

from covidcxr.core.types import Metric
from covidcxr.evaluation.age import AgeContrast, AgeReading
from covidcxr.evaluation.evidence import Finding, Weight

AGAINST = 0.10  # false alarms in adults less those in children: the whole interval lies beyond it, on either side
DOUBT = 0.05


def age_weight(reading: AgeReading) -> Weight | None:
    """Return how much the reading speaks against the network; None if not at all, or if it is not estimable."""
    excess = max((_excess(contrast) for contrast in (reading.everyone, reading.one_source) if contrast), default=0.0)
    return "against" if excess >= AGAINST else "doubt" if excess >= DOUBT else None


def age_finding(reading: AgeReading) -> Finding | None:
    """Return ``reads-age``, or ``reads-hospital`` where one source shows that age makes no difference there."""
    weight = age_weight(reading)
    if weight is None:
        return None
    return Finding(
        rule="reads-hospital" if _cause(reading) == "hospital" else "reads-age",
        weight=weight,
        sentence=age_sentence(reading),
        change=f"training with adults and children both with {reading.target} and without it, from the same hospitals",
        about="network",
    )


def age_sentence(reading: AgeReading) -> str:
    """Return the reading in plain words."""
    everyone, inside = reading.everyone, reading.one_source
    if everyone is None:
        return f"Not estimable: {reading.reason}."
    start = f"Of patients without {reading.target}, {_alarms(everyone)} are called {reading.target}"
    if inside is not None:
        start += f"; within {inside.adult_sources[0]} alone {_alarms(inside)}"
    if age_weight(reading) is None:
        return f"{start}."
    ends = {
        "age": "the answer goes with the age, at one and the same hospital too",
        "hospital": "the answer goes with the hospital, not with the age",
        "either": "the answer goes with the age, or with the sources that go with it (adults: "
        f"{', '.join(everyone.adult_sources)}; children: {', '.join(everyone.child_sources)})",
    }
    return f"{start}: {ends[_cause(reading)]}."


def _cause(reading: AgeReading) -> Literal["age", "hospital", "either"]:
    inside = reading.one_source
    if inside is None or inside.gap.low is None or inside.gap.high is None:
        return "either"
    if _excess(inside) >= DOUBT:
        return "age"
    return "hospital" if max(inside.gap.high, -inside.gap.low) < AGAINST else "either"


def _excess(contrast: AgeContrast) -> float:
    """Return by how much the false alarms of adults and children surely differ; 0 if their interval holds 0."""
    low, high = contrast.gap.low, contrast.gap.high
    return 0.0 if low is None or high is None else max(low, -high, 0.0)


def _alarms(contrast: AgeContrast) -> str:
    adults, children = contrast.adults, contrast.children
    return (
        f"{_share(adults)} of {adults.num_cases:,} images of adults and {_share(children)} of "
        f"{children.num_cases:,} of children"
    )


def _share(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
        return f"{100 * (metric.value or 0.0):.0f} %"
    return f"{100 * (metric.value or 0.0):.0f} % ({100 * metric.low:.0f} to {100 * metric.high:.0f} %)"
