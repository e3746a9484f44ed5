"""One of k equal parts, made of whole groups, is the test part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from covidcxr.core.errors import RecipeError
from covidcxr.core.recipe import SplitRecipe
from covidcxr.core.types import Split
from covidcxr.curation.candidates import Candidate
from covidcxr.curation.splits import SPLIT_STRATEGIES, SplitPlan
from covidcxr.curation.splits.strategy import groups_of, shuffled


@SPLIT_STRATEGIES.register("k-fold-by-patient")
def k_fold_by_patient(
    candidates: Sequence[Candidate], recipe: SplitRecipe, generator: np.random.Generator
) -> SplitPlan:
    """Deal the groups of every class into ``folds`` parts, the fullest last; part number ``fold`` (from 0) is test.

    With the same seed, the parts of all ``fold`` numbers are disjoint and cover the dataset.

    Raises:
        RecipeError: If ``fold`` is not below ``folds``, or there are fewer groups than folds.
    """
    groups = groups_of(candidates)
    if not 0 <= recipe.fold < recipe.folds:
        raise RecipeError(
            f"dataset.split.fold = {recipe.fold}; expected 0 to {recipe.folds - 1}, below dataset.split.folds"
        )
    if len(groups) < recipe.folds:
        raise RecipeError(f"dataset.split.folds = {recipe.folds}, but there are only {len(groups)} patients or films")
    by_class: dict[str, list[str]] = defaultdict(list)
    for name in shuffled(groups, generator):
        by_class[groups[name][0].label or ""].append(name)
    part_of: dict[str, int] = {}
    for _, names in sorted(by_class.items()):
        sizes = [0] * recipe.folds
        for name in sorted(names, key=lambda item: -len(groups[item])):  # stable: equal sizes stay in random order
            part = sizes.index(min(sizes))
            part_of[name] = part
            sizes[part] += len(groups[name])
    splits: dict[str, Split] = {
        item.record_id: "test" if part_of[name] == recipe.fold else "train"
        for name, members in groups.items()
        for item in members
    }
    return SplitPlan(splits=splits)
