"""One film under two labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import ClassVar

from covidcxr.curation.candidates import Candidate
from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.rule import Rule


@RULES.register("conflicting-label")
class ConflictingLabel(Rule):
    """Leaves out every copy of a film whose copies have different labels: nobody knows which one is right."""

    name: ClassVar[str] = "conflicting-label"
    description: ClassVar[str] = "A copy of the same film has another label; all copies are left out."

    def judge(self, candidates: Sequence[Candidate]) -> Mapping[str, str]:
        """Return record_id to the copies and their labels."""
        copies: dict[str, list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            copies[candidate.film].append(candidate)
        reasons: dict[str, str] = {}
        for film in copies.values():
            if len({candidate.label for candidate in film}) > 1:
                listing = ", ".join(f"{candidate.record_id} is {candidate.label}" for candidate in film)
                reasons.update((candidate.record_id, listing) for candidate in film)
        return reasons
