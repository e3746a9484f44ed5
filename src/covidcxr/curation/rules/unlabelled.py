"""Records whose finding means none of the classes that covidcxr knows."""

from __future__ import annotations

from typing import ClassVar

from covidcxr.curation.candidates import Candidate
from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.rule import SingleRule


@RULES.register("unlabelled")
class Unlabelled(SingleRule):
    """Leaves out blank, open and foreign findings."""

    name: ClassVar[str] = "unlabelled"
    description: ClassVar[str] = "The source's finding is blank, open, or a disease that is none of the known classes."

    def reason(self, candidate: Candidate) -> str | None:
        """Return the finding in the source's own words."""
        return f"finding {candidate.record.finding!r}" if candidate.record.label is None else None
