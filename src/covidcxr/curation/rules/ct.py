"""Computed tomography."""

from __future__ import annotations

from typing import ClassVar

from covidcxr.core.types import View
from covidcxr.curation.candidates import Candidate
from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.rule import SingleRule


@RULES.register("ct")
class Ct(SingleRule):
    """Leaves out what the metadata calls CT."""

    name: ClassVar[str] = "ct"
    description: ClassVar[str] = "A CT slice, by its metadata (view or modality)."

    def reason(self, candidate: Candidate) -> str | None:
        """Return the view and modality as the source states them."""
        record = candidate.record
        if record.view is not View.CT and record.modality != "CT":
            return None
        return f"view {record.view_verbatim or record.view.value!r}, modality {record.modality}"
