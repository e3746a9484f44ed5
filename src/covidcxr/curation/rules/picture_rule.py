"""What the rules that look at the picture share; scores and thresholds are those of `covidcxr.imaging.picture_checks`.

A rule here says nothing of a picture whose scores were not measured, such as an unreadable file.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, ClassVar

from covidcxr.curation.candidates import Candidate
from covidcxr.curation.image_work import ImageFacts
from covidcxr.curation.rules.rule import SingleRule

if TYPE_CHECKING:
    from covidcxr.imaging.picture_checks import Finding, PictureScores

_HARMLESS = {"view/frontal": 1.0, "gray_range": 1.0}  # of a score that no rule of the recipe asked for


class PictureRule(SingleRule):
    """Leaves out pictures of which `findings` finds one thing; the reason names score and threshold.

    Attributes:
        finding: What it looks for.
    """

    finding: ClassVar[Finding]

    def reason(self, candidate: Candidate) -> str | None:
        """Return the finding's score and threshold."""
        from covidcxr.imaging.picture_checks import findings

        if candidate.facts.error:
            return None
        return findings(scores_of(candidate.facts)).get(self.finding)


def scores_of(facts: ImageFacts) -> PictureScores:
    """Return the measured scores; one that was not measured has a value that nothing is found by."""
    from covidcxr.imaging.picture_checks import PictureScores
    from covidcxr.imaging.picture_view import PictureView

    known = _HARMLESS | dict(facts.scores)
    return PictureScores(
        view=PictureView(**{item.name: known.get(f"view/{item.name}", 0.0) for item in fields(PictureView)}),
        shorter_side=min(facts.rows, facts.columns),
        gray_range=known["gray_range"],
        **{name: known.get(name, 0.0) for name in ("marks", "flat_mark", "colour")},
    )
