"""Images on which somebody drew: arrows, boxes, circles, letters over the lungs."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources
from typing import ClassVar

from covidcxr.curation.candidates import Candidate
from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.rule import SingleRule

LIST = "annotated"


@RULES.register("annotated")
class Annotated(SingleRule):
    """Leaves out the images of a committed list, made by looking at every COVID-19 candidate of the public sources.

    The counts and the digest of zhong2020 rest on it; `annotated-by-eye` knows more images.
    """

    name: ClassVar[str] = "annotated"
    description: ClassVar[str] = "Arrows, boxes, circles or letters were drawn on the film (a list made by eye)."

    def reason(self, candidate: Candidate) -> str | None:
        """Return what was drawn, as the list says."""
        return drawn_upon(LIST).get(candidate.record_id)


@cache
def drawn_upon(*lists: str) -> dict[str, str]:
    """Return record_id to what was drawn on the image, as the lists beside this file say, each named without .csv."""
    folder = resources.files("covidcxr.curation.rules")
    texts = [(folder / f"{name}.csv").read_text(encoding="utf-8") for name in lists]
    return {row["record_id"]: row["drawn"] for text in texts for row in csv.DictReader(text.splitlines())}
