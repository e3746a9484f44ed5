"""What a balancing strategy is, and the random choice they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from covidcxr.core.recipe import BalanceRecipe
from covidcxr.core.types import Split
from covidcxr.curation.candidates import Candidate


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A candidate and the split it is in."""

    candidate: Candidate
    split: Split


Balance = Callable[[Sequence[Placed], BalanceRecipe, np.random.Generator], Mapping[str, str]]
"""Takes what is placed so far, sorted by record_id; returns record_id to the reason for what to leave out."""


def surplus(placed: Sequence[Placed], keep: int, generator: np.random.Generator) -> list[Placed]:
    """Return those that a random choice of ``keep`` of them leaves over."""
    order = generator.permutation(len(placed))
    return [placed[position] for position in sorted(order[keep:])]
