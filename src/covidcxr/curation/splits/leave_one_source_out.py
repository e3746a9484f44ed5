"""One source is the test part, all others are for training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from covidcxr.core.errors import RecipeError
from covidcxr.core.recipe import SplitRecipe
from covidcxr.core.types import Split
from covidcxr.curation.candidates import Candidate
from covidcxr.curation.splits import SPLIT_STRATEGIES, SplitPlan
from covidcxr.curation.splits.strategy import groups_of


@SPLIT_STRATEGIES.register("leave-one-source-out")
def leave_one_source_out(
    candidates: Sequence[Candidate], recipe: SplitRecipe, generator: np.random.Generator
) -> SplitPlan:
    """Put the source named ``held_out`` into test and everything else into train.

    A training image whose group is also in the held-out source is left out. A class that only one source has is
    named in the notes: for it, nothing can be said about other sources.

    Raises:
        RecipeError: If ``held_out`` is no source of the dataset.
    """
    del generator
    sources = sorted({candidate.record.source for candidate in candidates})
    if recipe.held_out not in sources:
        raise RecipeError(
            f"dataset.split.held_out = {recipe.held_out!r} is no source of this dataset; "
            f"expected one of {', '.join(sources)}"
        )
    splits: dict[str, Split] = {}
    left_out: dict[str, str] = {}
    for members in groups_of(candidates).values():
        tested = [item.record_id for item in members if item.record.source == recipe.held_out]
        for item in members:
            if item.record.source == recipe.held_out:
                splits[item.record_id] = "test"
            elif tested:
                left_out[item.record_id] = f"same patient or film as {tested[0]}, of the source held out"
            else:
                splits[item.record_id] = "train"
    notes = []
    for label in sorted({candidate.label or "" for candidate in candidates}):
        having = {candidate.record.source for candidate in candidates if candidate.label == label}
        if len(having) == 1:
            notes.append(f"{label}: only {having.pop()} has it, so what a network scores elsewhere is not estimable.")
    return SplitPlan(splits=splits, left_out=left_out, notes=tuple(notes))
