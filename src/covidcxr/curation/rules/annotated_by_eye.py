"""Images on which somebody drew, in every class: the list of `annotated`, and what was seen later."""

from __future__ import annotations

from typing import ClassVar

from covidcxr.curation.candidates import Candidate
from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.annotated import LIST, drawn_upon
from covidcxr.curation.rules.rule import SingleRule

FURTHER = "annotated_further"


@RULES.register("annotated-by-eye")
class AnnotatedByEye(SingleRule):
    """Leaves out the images labelled as drawn upon in benchmarks/labels/views.csv, but for CT slices."""

    name: ClassVar[str] = "annotated-by-eye"
    description: ClassVar[str] = "Something was drawn on the film (a list made by eye, of films of every class)."

    def reason(self, candidate: Candidate) -> str | None:
        """Return what was drawn, as the lists say."""
        return drawn_upon(LIST, FURTHER).get(candidate.record_id)
