"""Images of children."""

from __future__ import annotations

from typing import ClassVar

from covidcxr.curation.candidates import Candidate
from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.rule import SingleRule
from covidcxr.dataset.tables import age_group


@RULES.register("paediatric")
class Paediatric(SingleRule):
    """Leaves out images of patients under 18, by their own age or by what the source says of all its patients."""

    name: ClassVar[str] = "paediatric"
    description: ClassVar[str] = "The patient is known to be under 18 years; an unknown age is kept."

    def reason(self, candidate: Candidate) -> str | None:
        """Return the age."""
        record = candidate.record
        return f"age {record.age_verbatim or record.age_years}" if age_group(record) == "paediatric" else None
