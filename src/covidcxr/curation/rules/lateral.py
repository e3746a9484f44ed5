"""Lateral views."""

from __future__ import annotations

from typing import ClassVar

from covidcxr.core.types import View
from covidcxr.curation.candidates import Candidate
from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.rule import SingleRule


@RULES.register("lateral")
class Lateral(SingleRule):
    """Leaves out what the metadata calls lateral; a blank view counts as frontal."""

    name: ClassVar[str] = "lateral"
    description: ClassVar[str] = "A lateral view, by its metadata; a blank view counts as frontal."

    def reason(self, candidate: Candidate) -> str | None:
        """Return the view as the source states it."""
        record = candidate.record
        return f"view {record.view_verbatim or record.view.value!r}" if record.view is View.LATERAL else None
