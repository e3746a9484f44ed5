"""The same number of images in each class of a split, adults first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from covidcxr.core.recipe import BalanceRecipe
from covidcxr.curation.balances import BALANCES, Placed
from covidcxr.dataset.tables import age_group

_ORDER = {"adult": 0, "": 1, "paediatric": 2}


@BALANCES.register("equal-classes-adults-first")
def equal_classes_adults_first(
    placed: Sequence[Placed], recipe: BalanceRecipe, generator: np.random.Generator
) -> Mapping[str, str]:
    """Draw, in each split, as many images of every class as the smallest has; at most ``images``, unless 0.

    In each class adults are drawn first, then patients of unknown age, then children.
    """
    by_place: dict[str, dict[str, list[Placed]]] = defaultdict(lambda: defaultdict(list))
    for item in placed:
        by_place[item.split][item.candidate.label or ""].append(item)
    reasons: dict[str, str] = {}
    for split, classes in sorted(by_place.items()):
        keep = min(len(items) for items in classes.values())
        keep = min(keep, recipe.images) if recipe.images else keep
        for label, items in sorted(classes.items()):
            shuffled = [items[position] for position in generator.permutation(len(items))]
            ordered = sorted(shuffled, key=lambda item: _ORDER[age_group(item.candidate.record)])  # stable
            reason = f"not among the {keep} images drawn, adults first, of {len(items)} {label} in {split}"
            reasons.update((item.candidate.record_id, reason) for item in ordered[keep:])
    return reasons
