"""Films with an inverted grey scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.picture_rule import PictureRule

if TYPE_CHECKING:
    from covidcxr.imaging.picture_checks import Finding


@RULES.register("inverted")
class Inverted(PictureRule):
    """Leaves out what `covidcxr.imaging.picture_checks` finds to be ``inverted``."""

    name: ClassVar[str] = "inverted"
    description: ClassVar[str] = "The grey scale is inverted: bone is dark."
    needs: ClassVar[tuple[str, ...]] = ("view",)
    finding: ClassVar[Finding] = "inverted"
