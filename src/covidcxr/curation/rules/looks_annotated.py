"""Films that look drawn upon."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.picture_rule import PictureRule

if TYPE_CHECKING:
    from covidcxr.imaging.picture_checks import Finding


@RULES.register("looks-annotated")
class LooksAnnotated(PictureRule):
    """Leaves out what `covidcxr.imaging.picture_checks` finds to be ``annotated``."""

    name: ClassVar[str] = "looks-annotated"
    description: ClassVar[str] = (
        "A network points at arrows, boxes or figures drawn on the film, or part of it is coloured."
    )
    needs: ClassVar[tuple[str, ...]] = ("colour", "marks")
    finding: ClassVar[Finding] = "annotated"
