"""Images with hardly anything on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.picture_rule import PictureRule

if TYPE_CHECKING:
    from covidcxr.imaging.picture_checks import Finding


@RULES.register("near-empty")
class NearEmpty(PictureRule):
    """Leaves out what `covidcxr.imaging.picture_checks` finds to be ``near-empty``."""

    name: ClassVar[str] = "near-empty"
    description: ClassVar[str] = "The grey values hardly spread: a blank, black or white image."
    needs: ClassVar[tuple[str, ...]] = ("gray_range",)
    finding: ClassVar[Finding] = "near-empty"
