"""Pictures that are no radiographs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.picture_rule import PictureRule

if TYPE_CHECKING:
    from covidcxr.imaging.picture_checks import Finding


@RULES.register("not-radiograph")
class NotRadiograph(PictureRule):
    """Leaves out what `covidcxr.imaging.picture_checks` finds to be ``not-radiograph``."""

    name: ClassVar[str] = "not-radiograph"
    description: ClassVar[str] = "The picture is no radiograph: a photograph, a page, a chart."
    needs: ClassVar[tuple[str, ...]] = ("view",)
    finding: ClassVar[Finding] = "not-radiograph"
