"""At most so many training images of a class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from covidcxr.core.errors import RecipeError
from covidcxr.core.recipe import BalanceRecipe
from covidcxr.curation.balances import BALANCES, Placed
from covidcxr.curation.balances.balance import surplus


@BALANCES.register("cap-per-class")
def cap_per_class(placed: Sequence[Placed], recipe: BalanceRecipe, generator: np.random.Generator) -> Mapping[str, str]:
    """Draw at most ``images`` training images of every class; other splits are left as they are.

    Raises:
        RecipeError: If the recipe does not say how many.
    """
    if not recipe.images:
        raise RecipeError("dataset.balance: cap-per-class without images; say how many to keep, such as images = 100")
    classes: dict[str, list[Placed]] = defaultdict(list)
    for item in placed:
        if item.split == "train":
            classes[item.candidate.label or ""].append(item)
    reasons: dict[str, str] = {}
    for label, items in sorted(classes.items()):
        reason = f"not among the {recipe.images} training images drawn of {len(items)} {label}"
        reasons.update((item.candidate.record_id, reason) for item in surplus(items, recipe.images, generator))
    return reasons
