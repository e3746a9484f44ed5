"""A fact of the evidence pack: a short answer and the artefact that holds it.

A fact that no artefact holds is None: nothing is made up here. Which item of which guideline a fact answers is known to
`claim` and `tripod`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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


def of_recipe(study: Study, *keys: str) -> Any:
    """Return a value of the bundle's recipe, or None where it has no such key."""
    value: Any = study.info.recipe
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def spoken(metric: Metric) -> str:
    """Return a metric with its interval, or why it has no value."""
    if metric.value is None:
        return f"not estimable ({metric.reason})"
    limits = "" if metric.low is None or metric.high is None else f" ({metric.low:.3f} to {metric.high:.3f})"
    return f"{metric.value:.3f}{limits}"
