"""Records of a known class that the recipe does not take from this source."""

from __future__ import annotations

from typing import ClassVar

from covidcxr.curation.candidates import Candidate
from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.rule import SingleRule


@RULES.register("not-taken")
class NotTaken(SingleRule):
    """Leaves out what no entry of ``dataset.take`` asks for. Always applied, because such a record has no class."""

    name: ClassVar[str] = "not-taken"
    description: ClassVar[str] = "The recipe does not take this class from this source."

    def reason(self, candidate: Candidate) -> str | None:
        """Return the record's label and finding."""
        if candidate.label is not None:
            return None
        return f"label {candidate.record.label or 'none'!r}, finding {candidate.record.finding!r}"
