"""One image under two labels."""

from __future__ import annotations

from typing import ClassVar

from covidcxr.curation.candidates import Candidate, contradict
from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.rule import SingleRule


@RULES.register("conflicting-label")
class ConflictingLabel(SingleRule):
    """Leaves out every copy of an image whose copies have different labels: nobody knows which one is right.

    A copy counts even if another rule leaves it out, or if the recipe does not take it.
    """

    name: ClassVar[str] = "conflicting-label"
    description: ClassVar[str] = "A copy of the same film has another label; all copies are left out."

    def reason(self, candidate: Candidate) -> str | None:
        """Return the copies and their labels."""
        if candidate.label is None or not contradict(label for _, label in candidate.copies):
            return None
        return ", ".join(f"{record_id} is {label}" for record_id, label in candidate.copies)
