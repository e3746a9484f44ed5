"""The split that a source publishes; for sources without one, a number of test images a class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from covidcxr.core.recipe import SplitRecipe
from covidcxr.core.types import Split
from covidcxr.curation.candidates import Candidate
from covidcxr.curation.splits import SPLIT_STRATEGIES, SplitPlan
from covidcxr.curation.splits.strategy import draw_groups, groups_of


@SPLIT_STRATEGIES.register("official")
def official(candidates: Sequence[Candidate], recipe: SplitRecipe, generator: np.random.Generator) -> SplitPlan:
    """Keep a source's own train and test; its val, sixteen images in chest-xray-pneumonia, joins test as in Zhong 2020.

    Classes from sources without a split of their own give ``test_images`` images to test, in whole groups, or
    ``test_fraction`` of their images where that is not stated or more than half of what there is. A training image
    whose group is also in a published test part is left out, so that the test part stays as published.
    """
    splits: dict[str, Split] = {}
    left_out: dict[str, str] = {}
    free: dict[str, dict[str, list[Candidate]]] = defaultdict(dict)
    for name, members in groups_of(candidates).items():
        published = {item.record_id: _published(item) for item in members if item.record.split is not None}
        tested = sorted(record_id for record_id, split in published.items() if split == "test")
        for item in members:
            if tested and published.get(item.record_id) != "test":
                left_out[item.record_id] = f"same patient or film as {tested[0]}, which its source puts into test"
            elif published:
                splits[item.record_id] = published.get(item.record_id, "train")
        if not published:
            free[members[0].label or ""][name] = members
    notes: list[str] = []
    for label, groups in sorted(free.items()):
        wanted = _num_test(label, groups, recipe, notes)
        drawn, found = draw_groups(groups, wanted, generator)
        if found != wanted:
            notes.append(f"{label}: {found} test images and not {wanted}, because patients are not divided.")
        for name, members in groups.items():
            splits.update({item.record_id: "test" if name in drawn else "train" for item in members})
    return SplitPlan(splits=splits, left_out=left_out, notes=tuple(notes))


def _published(candidate: Candidate) -> Split:
    return "train" if candidate.record.split == "train" else "test"


def _num_test(label: str, groups: Mapping[str, Sequence[Candidate]], recipe: SplitRecipe, notes: list[str]) -> int:
    available = sum(len(members) for members in groups.values())
    share = round(recipe.test_fraction * available)
    wanted = recipe.test_images.get(label, share)
    if 2 * wanted <= available or label not in recipe.test_images:
        return wanted
    notes.append(f"{label}: {share} test images and not {wanted}, because there are only {available} in all.")
    return share
