"""The same number of images in each class of a split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from covidcxr.core.recipe import BalanceRecipe
from covidcxr.curation.balances import BALANCES, Placed
from covidcxr.curation.balances.balance import surplus


@BALANCES.register("equal-classes")
def equal_classes(placed: Sequence[Placed], recipe: BalanceRecipe, generator: np.random.Generator) -> Mapping[str, str]:
    """Draw, in each split, as many images of every class as the smallest class has; at most ``images``, unless 0."""
    by_place: dict[str, dict[str, list[Placed]]] = defaultdict(lambda: defaultdict(list))
    for item in placed:
        by_place[item.split][item.candidate.label or ""].append(item)
    reasons: dict[str, str] = {}
    for split, classes in sorted(by_place.items()):
        keep = min(len(items) for items in classes.values())
        keep = min(keep, recipe.images) if recipe.images else keep
        for label, items in sorted(classes.items()):
            reason = f"not among the {keep} images drawn of {len(items)} {label} in {split}"
            reasons.update((item.candidate.record_id, reason) for item in surplus(items, keep, generator))
    return reasons
