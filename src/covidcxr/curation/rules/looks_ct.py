"""CT slices, whatever the metadata say."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.picture_rule import PictureRule

if TYPE_CHECKING:
    from covidcxr.imaging.picture_checks import Finding


@RULES.register("looks-ct")
class LooksCt(PictureRule):
    """Leaves out what `covidcxr.imaging.picture_checks` finds to be ``ct``."""

    name: ClassVar[str] = "looks-ct"
    description: ClassVar[str] = "The picture looks like CT or another modality, whatever its metadata say."
    needs: ClassVar[tuple[str, ...]] = ("view",)
    finding: ClassVar[Finding] = "ct"
