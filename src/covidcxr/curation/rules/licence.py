"""Images whose licence does not allow what the recipe asks for."""

from __future__ import annotations

import re
from typing import ClassVar

from covidcxr.curation.candidates import Candidate
from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.rule import SingleRule

_FREE = re.compile(r"apache(-| )?2(\.0)?|mit|cc0.*|public domain|bsd.*", re.IGNORECASE)
_CREATIVE_COMMONS = re.compile(r"cc[ -]by(?P<conditions>(-(nc|nd|sa))*)( \d\.\d)?", re.IGNORECASE)
# The terms of NIH ChestX-ray14 set no condition but citation and a link (ChestX-ray14 README, 2017).
_NIH = "free use with citation and a link to the NIH Clinical Center"


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


def allowed_uses(licence: str) -> frozenset[str]:
    """Return which of ``commercial`` and ``derivatives`` a licence allows; one that is blank or unknown, neither."""
    name = licence.strip()
    if _FREE.fullmatch(name) or name == _NIH:
        return frozenset({"commercial", "derivatives"})
    match = _CREATIVE_COMMONS.fullmatch(name)
    if match is None:
        return frozenset()
    conditions = match["conditions"].casefold().split("-")
    barred = {use for condition, use in (("nc", "commercial"), ("nd", "derivatives")) if condition in conditions}
    return frozenset({"commercial", "derivatives"} - barred)
