"""A fact of the evidence pack: a short answer and the artefact that holds it.

A fact that no artefact holds is None: nothing is made up here. Which item of which guideline a fact answers is known to
`claim` and `tripod`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from covidcxr.core.types import Metric
from covidcxr.report.study import Study


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """An answer and the artefact, with the key in it, that holds it."""

    value: str
    source: str


FactMaker = Callable[[Study], Fact | None]
FACTS: dict[str, FactMaker] = {}


def fact(maker: FactMaker) -> FactMaker:
    """Register ``maker`` under its own name."""
    name = maker.__name__
    if name in FACTS:
        raise ValueError(f"two facts are called {name!r}")
    FACTS[name] = maker
    return maker


def spoken(metric: Metric) -> str:
    """Return a metric with its interval, or why it has no value."""
    if metric.value is None:
        return f"not estimable ({metric.reason})"
    limits = "" if metric.low is None or metric.high is None else f" ({metric.low:.3f} to {metric.high:.3f})"
    return f"{metric.value:.3f}{limits}"
