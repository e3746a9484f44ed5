"""The heat maps of one cohort, counted; `covidcxr.pipeline.explanations` makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from covidcxr.core.types import Metric
from covidcxr.explain.rows import Summary

FAILED, PEAK_OUTSIDE = "heat_map_failed", "heat_map_peak_outside"


@dataclass(frozen=True, kw_only=True, slots=True)
class CohortExplanations:
    """The heat maps of some images of one cohort, each of the class that was predicted.

    Attributes:
        method: Name of the explanation method.
        num_images: Images in the cohort, of which ``overall.num_films`` were explained.
        overall: Over all of them.
        by_class: Over the images called each class; classes that none was called are missing.
        metrics: ``heat_map_failed`` and ``heat_map_peak_outside``, shares with intervals; and, of the images called a
            class, ``heat_map_outside/CLASS`` with Wilson's interval by patient.
    """

    method: str
    num_images: int
    overall: Summary
    by_class: Mapping[str, Summary]
    metrics: Mapping[str, Metric]

    def document(self) -> dict[str, Any]:
        """Return it as JSON; the metrics are with the cohort's."""
        return {
            "method": self.method,
            "num_images": self.num_images,
            "overall": asdict(self.overall),
            "classes": {label: asdict(summary) for label, summary in self.by_class.items()},
        }
