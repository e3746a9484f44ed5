"""Films on which somebody drew: arrows, boxes, circles, letters over the lungs."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources
from typing import ClassVar

from covidcxr.curation.candidates import Candidate
from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.rule import SingleRule

KEYS_FILE = "annotated.csv"


@RULES.register("annotated")
class Annotated(SingleRule):
    """Leaves out the films of a committed list, made by looking at every COVID-19 candidate of the public sources."""

    name: ClassVar[str] = "annotated"
    description: ClassVar[str] = "Arrows, boxes, circles or letters were drawn on the film (a list made by eye)."

    def reason(self, candidate: Candidate) -> str | None:
        """Return what was drawn, as the list says."""
        return annotated_keys().get(candidate.record_id)


@cache
def annotated_keys() -> dict[str, str]:
    """Return record_id to what was drawn on the film."""
    text = (resources.files("covidcxr.curation.rules") / KEYS_FILE).read_text(encoding="utf-8")
    return {row["record_id"]: row["drawn"] for row in csv.DictReader(text.splitlines())}
