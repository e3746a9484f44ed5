"""Files that are no readable image."""

from __future__ import annotations

from typing import ClassVar

from covidcxr.curation.candidates import Candidate
from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.rule import SingleRule


@RULES.register("undecodable")
class Undecodable(SingleRule):
    """Leaves out what the reader refuses. Always applied, because there is no image to put into the dataset."""

    name: ClassVar[str] = "undecodable"
    description: ClassVar[str] = (
        "The file cannot be read as an image: truncated, damaged, empty, too large or no image."
    )

    def reason(self, candidate: Candidate) -> str | None:
        """Return the reader's reason and message."""
        return f"{candidate.facts.reason}: {candidate.facts.error}" if candidate.facts.error else None
