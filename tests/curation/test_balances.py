from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from candidates_builder import patients
from covidcxr.core.errors import RecipeError
from covidcxr.core.recipe import BalanceRecipe
from covidcxr.core.types import Split
from covidcxr.curation.balances import BALANCES, Placed


def placed(**counts: int) -> list[Placed]:
    """Return so many patients of two images each, by split_Class."""
    found: list[Placed] = []
    for name, number in counts.items():
        split, label = name.split("_")
        where: Split = "train" if split == "train" else "test"
        found += [Placed(candidate=item, split=where) for item in patients(number, 2, label=f"{label}-{split}")]
    return found


def keep(strategy: str, items: list[Placed], images: int = 0) -> Counter[str]:
    recipe = BalanceRecipe(strategy=strategy, images=images)
    left_out = BALANCES.get(strategy)(items, recipe, np.random.default_rng(3))
    return Counter(item.candidate.label or "" for item in items if item.candidate.record_id not in left_out)


@pytest.mark.parametrize("strategy", BALANCES.names())
def test_a_balance_is_the_same_with_the_same_seed_and_gives_reasons(strategy: str) -> None:
    items = placed(train_COVID=5, train_Normal=9)
    recipe = BalanceRecipe(strategy=strategy, images=1)
    first, second = (BALANCES.get(strategy)(items, recipe, np.random.default_rng(3)) for _ in range(2))
    assert first == second
    assert first
    assert all("drawn" in reason for reason in first.values())


def test_equal_classes_are_equal_in_every_split() -> None:
    items = placed(train_COVID=5, train_Normal=9, test_COVID=4, test_Normal=2)
    assert keep("equal-classes", items) == {"COVID-train": 10, "Normal-train": 10, "COVID-test": 4, "Normal-test": 4}


def test_equal_classes_can_be_small() -> None:
    assert keep("equal-classes", placed(train_COVID=5, train_Normal=9), images=3) == {
        "COVID-train": 3,
        "Normal-train": 3,
    }


def test_a_cap_per_class_leaves_the_test_part_alone() -> None:
    items = placed(train_COVID=5, train_Normal=2, test_COVID=6)
    assert keep("cap-per-class", items, images=7) == {"COVID-train": 7, "Normal-train": 4, "COVID-test": 12}


def test_a_cap_per_class_without_its_number_is_refused() -> None:
    with pytest.raises(RecipeError, match="cap-per-class without images"):
        keep("cap-per-class", [])


def test_a_cap_per_patient_keeps_every_patient() -> None:
    items = placed(train_COVID=5, test_Normal=3)
    assert keep("cap-per-patient", items, images=1) == {"COVID-train": 5, "Normal-test": 3}
