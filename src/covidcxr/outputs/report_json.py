"""``report.json``: the numbers of a report for other programs, under the names the command line promises."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from covidcxr.core.artefacts import write_text
from covidcxr.core.notice import NOTICE, SYNTHETIC_NOTICE
from covidcxr.core.types import EvaluationReport, Metric


def report_document(
    reports: Sequence[EvaluationReport],
    *,
    verdict: str = "",
    reasons: Sequence[str] = (),
    synthetic: bool = False,
    details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the JSON document of ``reports``, which share their classes.

    ``details`` adds further keys (provenance, nuisance baselines); it must be JSON-able and free of NaN.
    """
    document: dict[str, Any] = {
        "notice": NOTICE,
        "synthetic": synthetic,
        "classes": list(reports[0].classes) if reports else [],
        "cohorts": [cohort_document(report) for report in reports],
        "verdict": {"value": verdict, "reasons": list(reasons)},
    }
    if synthetic:
        document["synthetic_notice"] = SYNTHETIC_NOTICE
    return document | dict(details or {})


def cohort_document(report: EvaluationReport) -> dict[str, Any]:
    """Return one cohort of the document."""
    return {
        "name": report.cohort,
        "num_images": report.num_images,
        "num_patients": report.num_patients,
        "confusion": report.confusion.tolist(),
        "metrics": {name: metric_document(metric) for name, metric in report.metrics.items()},
        "subgroups": {
            name: {metric_name: metric_document(metric) for metric_name, metric in metrics.items()}
            for name, metrics in report.subgroups.items()
        },
        "notes": list(report.notes),
    }


def metric_document(metric: Metric) -> dict[str, Any]:
    """Return value, limits and number of cases, and the reason where something is not estimable."""
    document: dict[str, Any] = {
        "value": metric.value,
        "low": metric.low,
        "high": metric.high,
        "num_cases": metric.num_cases,
    }
    return document | ({"reason": metric.reason} if metric.reason else {})


def write_json(document: Mapping[str, Any], path: Path) -> None:
    """Write ``document`` to ``path``, atomically, as UTF-8 with two-space indents.

    Raises:
        OutputError: If the place cannot be written.
    """
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
