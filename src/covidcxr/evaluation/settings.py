"""What a caller can ask of an evaluation: one type for every command that measures a network."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from covidcxr.core.errors import EvaluationError
from covidcxr.core.types import Split
from covidcxr.metrics.settings import DEFAULT_ROUNDS, IntervalSettings, Method


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationSettings:
    """What is measured, and how.

    A command that has no use for a setting refuses it (`refuse_unused`) instead of ignoring it.

    Attributes:
        split: Which split; an external dataset without it is taken whole.
        rounds: Bootstrap rounds; None for what the bundle's recipe says, else what the command takes.
        seed: Of everything random.
        method: How intervals are made.
        class_map: A dataset's class to one of the bundle's, where the names differ.
        prevalence: Class to the prevalence at which its predictive values, and for the class whose detection matters
            also decision curve and sample sizes, are wanted.
        statements: What the author states for the checklists (`covidcxr.report.checklists.statements`).
        pictures: Put images of the mistakes with the highest confidence into the report; None for what the command
            does by itself: ``evaluate`` does, ``validate`` does not.
        audit: Also run the shortcut audits on the leading cohort (minutes).
        explain: Also make heat maps of up to 200 images of each cohort, and say how much of them is lung.
    """

    split: Split = "test"
    rounds: int | None = None
    seed: int = 0
    method: Method = "student"
    class_map: Mapping[str, str] = field(default_factory=dict)
    prevalence: Mapping[str, float] = field(default_factory=dict)
    statements: Mapping[str, str] = field(default_factory=dict)
    pictures: bool | None = None
    audit: bool = False
    explain: bool = True

    def intervals(self, default_rounds: int = DEFAULT_ROUNDS) -> IntervalSettings:
        """Return how intervals are made, with ``default_rounds`` where no number of rounds was asked for."""
        return IntervalSettings(method=self.method, rounds=self.rounds or default_rounds, seed=self.seed)

    def document(self) -> dict[str, Any]:
        """Return the settings as ``report.json`` writes them; the class map is part of the datasets there."""
        return {
            "split": self.split,
            "rounds": self.rounds,
            "seed": self.seed,
            "pictures": self.pictures,
            "audit": self.audit,
            "explain": self.explain,
            "prevalence": dict(self.prevalence),
            "intervals": self.method,
            "statements": dict(self.statements),
        }


DEFAULT_SETTINGS = EvaluationSettings()


def refuse_unused(settings: EvaluationSettings, command: str, used: Collection[str]) -> None:
    """Check that nothing was asked for that ``command`` does not do.

    Raises:
        EvaluationError: If a setting that is not among ``used`` differs from its default.
    """
    asked = [
        entry.name
        for entry in fields(settings)
        if entry.name not in used and getattr(settings, entry.name) != getattr(DEFAULT_SETTINGS, entry.name)
    ]
    if asked:
        raise EvaluationError(
            f"{command}: found the settings {', '.join(asked)}, which it does not use; expected only "
            f"{', '.join(sorted(used))}"
        )
