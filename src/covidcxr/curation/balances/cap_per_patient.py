"""At most so many images of a patient."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from covidcxr.core.recipe import BalanceRecipe
from covidcxr.curation.balances import BALANCES, Placed
from covidcxr.curation.balances.balance import surplus


@BALANCES.register("cap-per-patient")
def cap_per_patient(
    placed: Sequence[Placed], recipe: BalanceRecipe, generator: np.random.Generator
) -> Mapping[str, str]:
    """Draw at most ``images`` images (1 if 0) of every group: a patient with the copies of his images."""
    keep = max(1, recipe.images)
    groups: dict[str, list[Placed]] = defaultdict(list)
    for item in placed:
        groups[item.candidate.group_id].append(item)
    reasons: dict[str, str] = {}
    for _, items in sorted(groups.items()):
        reason = f"not among the {keep} images drawn of this patient's {len(items)}"
        reasons.update((item.candidate.record_id, reason) for item in surplus(items, keep, generator))
    return reasons
