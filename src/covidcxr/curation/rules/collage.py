"""Several films in one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.picture_rule import PictureRule

if TYPE_CHECKING:
    from covidcxr.imaging.picture_checks import Finding


@RULES.register("collage")
class Collage(PictureRule):
    """Leaves out what `covidcxr.imaging.picture_checks` finds to be ``collage``."""

    name: ClassVar[str] = "collage"
    description: ClassVar[str] = "The picture holds several films side by side."
    needs: ClassVar[tuple[str, ...]] = ("view",)
    finding: ClassVar[Finding] = "collage"
