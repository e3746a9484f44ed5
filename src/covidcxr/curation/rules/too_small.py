"""Images with too few pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.picture_rule import PictureRule

if TYPE_CHECKING:
    from covidcxr.imaging.picture_checks import Finding


@RULES.register("too-small")
class TooSmall(PictureRule):
    """Leaves out what `covidcxr.imaging.picture_checks` finds to be ``too-small``."""

    name: ClassVar[str] = "too-small"
    description: ClassVar[str] = "The shorter side of the image has too few pixels."
    needs: ClassVar[tuple[str, ...]] = ()
    finding: ClassVar[Finding] = "too-small"
