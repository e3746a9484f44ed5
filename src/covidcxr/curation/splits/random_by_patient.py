"""A random share of the groups of every class and source goes to test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from covidcxr.core.recipe import SplitRecipe
from covidcxr.core.types import Split
from covidcxr.curation.candidates import Candidate
from covidcxr.curation.splits import SPLIT_STRATEGIES, SplitPlan
from covidcxr.curation.splits.strategy import draw_groups, groups_of


@SPLIT_STRATEGIES.register("random-by-patient")
def random_by_patient(
    candidates: Sequence[Candidate], recipe: SplitRecipe, generator: np.random.Generator
) -> SplitPlan:
    """Draw ``test_images`` of a class, or ``test_fraction`` of the images of every class and source, in whole groups.

    A group that spans classes or sources is drawn with the first of its images. What a source publishes as its
    split is not regarded.
    """
    strata: dict[tuple[str, str], dict[str, list[Candidate]]] = defaultdict(dict)
    for name, members in groups_of(candidates).items():
        label = members[0].label or ""
        source = "" if label in recipe.test_images else members[0].record.source
        strata[label, source][name] = members
    splits: dict[str, Split] = {}
    notes: list[str] = []
    for (label, _), groups in sorted(strata.items()):
        available = sum(len(members) for members in groups.values())
        wanted = recipe.test_images.get(label, round(recipe.test_fraction * available))
        drawn, found = draw_groups(groups, wanted, generator)
        if label in recipe.test_images and found != wanted:
            notes.append(f"{label}: {found} test images and not {wanted}, because patients are not divided.")
        for name, members in groups.items():
            splits.update({item.record_id: "test" if name in drawn else "train" for item in members})
    return SplitPlan(splits=splits, notes=tuple(notes))
