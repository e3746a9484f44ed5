"""What an exclusion rule is: a name, a sentence, and a judgement on candidates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from covidcxr.core.recipe import DatasetRecipe
from covidcxr.curation.candidates import Candidate


class Rule(ABC):
    """Leaves candidates out of a dataset, each with a reason.

    Attributes:
        name: As recipes and exclusions.csv write it.
        description: One sentence for the datasheet.
        needs: Scores of the picture that the image work must measure for it.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, recipe: DatasetRecipe) -> None:
        self.recipe = recipe

    @abstractmethod
    def judge(self, candidates: Sequence[Candidate]) -> Mapping[str, str]:
        """Return record_id to the reason for every candidate to leave out.

        ``candidates`` are those that earlier rules kept, sorted by record_id.
        """


class SingleRule(Rule):
    """A rule that looks at one candidate at a time."""

    def judge(self, candidates: Sequence[Candidate]) -> Mapping[str, str]:
        """Return record_id to the reason for every candidate to leave out."""
        reasons = ((candidate.record_id, self.reason(candidate)) for candidate in candidates)
        return {record_id: reason for record_id, reason in reasons if reason is not None}

    @abstractmethod
    def reason(self, candidate: Candidate) -> str | None:
        """Return why to leave ``candidate`` out, or None to keep it."""
