"""How intervals are made, as one value that every measurement of a report shares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Method = Literal["percentile", "bca"]
DEFAULT_ROUNDS = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class IntervalSettings:
    """How 95 % confidence intervals are made.

    Attributes:
        method: How they are taken from the bootstrap.
        rounds: Of the bootstrap.
        seed: Of the bootstrap; the same seed gives the same intervals.
    """

    method: Method = "percentile"
    rounds: int = DEFAULT_ROUNDS
    seed: int = 0

    def at_most(self, rounds: int) -> IntervalSettings:
        """Return the same settings with no more than ``rounds`` rounds."""
        return replace(self, rounds=min(self.rounds, rounds))


DEFAULT_INTERVALS = IntervalSettings()
