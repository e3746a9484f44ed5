"""Images whose licence does not allow what the recipe asks for."""

from __future__ import annotations

from typing import ClassVar

from covidcxr.curation.candidates import Candidate
from covidcxr.curation.licences import allowed_uses
from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.rule import SingleRule


@RULES.register("licence")
class Licence(SingleRule):
    """Leaves out what ``dataset.licences`` does not allow. Applied whenever a recipe names a use."""

    name: ClassVar[str] = "licence"
    description: ClassVar[str] = "The image's licence, as stated, does not allow every use that the recipe asks for."

    def reason(self, candidate: Candidate) -> str | None:
        """Return the licence and the uses that it does not allow."""
        allowed = allowed_uses(candidate.record.licence)
        lacking = [use for use in self.recipe.licences if use not in allowed]
        if not lacking:
            return None
        return f"licence {candidate.record.licence or 'not stated'!r} does not allow {' and '.join(lacking)} use"
