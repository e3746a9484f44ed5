"""leaks.json: the leak report of a compiled dataset, written and read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from covidcxr.core.artefacts import write_text
from covidcxr.curation.copy_report import CopyPair, CopyReport
from covidcxr.curation.leaks import Leak, LeakReport

LEAKS_FILE = "leaks.json"


def write_leaks(path: Path, report: LeakReport) -> None:
    """Write ``report`` as JSON.

    Raises:
        OutputError: If ``path`` cannot be written.
    """
    write_text(path, json.dumps(asdict(report), indent=1, ensure_ascii=False) + "\n")


def read_leaks(path: Path) -> LeakReport | None:
    """Return the report in ``path``, or None if there is none, or one of another release."""
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return LeakReport(
            **{
                **values,
                "leaks": tuple(Leak(**item) for item in values["leaks"]),
                "copies": _copies(values["copies"]),
                "sentences": tuple(values["sentences"]),
            }
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _copies(values: Mapping[str, Any]) -> CopyReport:
    pairs = {name: tuple(CopyPair(**pair) for pair in values[name]) for name in ("crossing", "conflicting")}
    return CopyReport(**{**values, **pairs})
