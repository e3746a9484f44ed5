"""The rules that look at the picture: one row of a table each.

Scores and thresholds are those of `covidcxr.imaging.screening.picture_checks`. A rule here says nothing about a
picture whose scores were not measured, such as an unreadable file.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from covidcxr.curation.candidates import Candidate
from covidcxr.curation.image_work import ImageFacts
from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.rule import SingleRule

if TYPE_CHECKING:
    from covidcxr.imaging.screening.picture_checks import Finding, PictureScores

_HARMLESS = {"view/frontal": 1.0, "gray_range": 1.0}  # scores that no rule of the recipe asked for


class _Row(NamedTuple):
    rule: str
    finding: Finding
    needs: tuple[str, ...]
    description: str


_ROWS = (
    _Row("looks-ct", "ct", ("view",), "The picture looks like CT or another modality, whatever its metadata say."),
    _Row("looks-lateral", "lateral", ("view",), "The picture looks like a lateral view, whatever its metadata say."),
    _Row(
        "not-radiograph", "not-radiograph", ("view",), "The picture is not a radiograph: a photograph, a page, a chart."
    ),
    _Row("collage", "collage", ("view",), "The picture holds several images side by side."),
    _Row("inverted", "inverted", ("view",), "The gray scale is inverted: bone is dark."),
    _Row("too-small", "too-small", (), "The shorter side of the image has too few pixels."),
    _Row("near-empty", "near-empty", ("gray_range",), "The gray values hardly vary: a blank, black or white image."),
    _Row(
        "looks-annotated",
        "annotated",
        ("colour", "marks"),
        "A network detects arrows, boxes or characters drawn on the image, or part of it is coloured.",
    ),
)


class PictureRule(SingleRule):
    """Excludes pictures for which `picture_checks.findings` reports ``finding``.

    Attributes:
        finding: What it looks for; the reason names score and threshold.
    """

    finding: ClassVar[Finding]

    def reason(self, candidate: Candidate) -> str | None:
        """Return the finding's score and threshold."""
        from covidcxr.imaging.screening.picture_checks import findings

        if candidate.facts.error:
            return None
        return findings(scores_of(candidate.facts)).get(self.finding)


def scores_of(facts: ImageFacts) -> PictureScores:
    """Return the measured scores; a score that was not measured has a value that triggers no finding."""
    from covidcxr.imaging.screening.picture_checks import PictureScores
    from covidcxr.imaging.screening.view import PictureView

    known = _HARMLESS | dict(facts.scores)
    return PictureScores(
        view=PictureView(**{item.name: known.get(f"view/{item.name}", 0.0) for item in fields(PictureView)}),
        shorter_side=min(facts.rows, facts.columns),
        gray_range=known["gray_range"],
        **{name: known.get(name, 0.0) for name in ("marks", "flat_mark", "colour")},
    )


for _row in _ROWS:
    _attributes = {"name": _row.rule, "finding": _row.finding, "needs": _row.needs, "description": _row.description}
    RULES.register(_row.rule)(type(f"PictureRule[{_row.rule}]", (PictureRule,), _attributes))
