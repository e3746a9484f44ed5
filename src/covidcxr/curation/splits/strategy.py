"""What a split strategy is, the groups it works on, and the check that none of them let a group cross a split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from covidcxr.core.errors import SplitError
from covidcxr.core.recipe import SplitRecipe
from covidcxr.core.types import SPLITS, Sample, Split
from covidcxr.curation.candidates import Candidate


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitPlan:
    """Where every candidate goes.

    Attributes:
        splits: record_id to split.
        left_out: record_id to the reason, for candidates that can be in no split (a copy of a test image in train).
        notes: Plain sentences on anything that is not as the recipe asks.
    """

    splits: Mapping[str, Split]
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


SplitStrategy = Callable[[Sequence[Candidate], SplitRecipe, np.random.Generator], SplitPlan]


def groups_of(candidates: Iterable[Candidate]) -> dict[str, list[Candidate]]:
    """Return group_id to its candidates, both in sorted order."""
    groups: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in sorted(candidates, key=lambda item: item.record_id):
        groups[candidate.group_id].append(candidate)
    return dict(sorted(groups.items()))


def shuffled(names: Iterable[str], generator: np.random.Generator) -> list[str]:
    """Return the sorted names in random order."""
    ordered = sorted(names)
    return [ordered[position] for position in generator.permutation(len(ordered))]


def draw_groups(
    groups: Mapping[str, Sequence[Candidate]], num_images: int, generator: np.random.Generator
) -> tuple[set[str], int]:
    """Return whole groups, drawn at random, that hold as near to ``num_images`` images as they can, and how many.

    Never more than ``num_images``; exactly that many if single images are left to fill up with.
    """
    drawn: set[str] = set()
    left = num_images
    for name in shuffled(groups, generator):
        if 0 < len(groups[name]) <= left:
            drawn.add(name)
            left -= len(groups[name])
        if left == 0:
            break
    return drawn, num_images - left


def check_disjoint(samples: Iterable[Sample]) -> None:
    """Check that no group, and no patient, is in two splits.

    Raises:
        SplitError: If one is; the message names it, its splits and the number of others.
    """
    places: dict[str, set[Split]] = defaultdict(set)
    for sample in samples:
        places[f"group {sample.group_id!r}"].add(sample.split)
        if sample.record.patient_id is not None:
            places[f"patient {sample.record.patient_id!r}"].add(sample.split)
    crossing = sorted(name for name, splits in places.items() if len(splits) > 1)
    if crossing:
        splits = " and ".join(split for split in SPLITS if split in places[crossing[0]])
        others = f" (and {len(crossing) - 1} more)" if len(crossing) > 1 else ""
        raise SplitError(f"{crossing[0]} is in {splits}{others}; a patient and a group of copies belong to one split")
