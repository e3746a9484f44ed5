"""docs/recipes.md names everything that a recipe can name, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import pytest

from covidcxr.core.recipe import BalanceRecipe, DatasetRecipe, SplitRecipe
from covidcxr.core.recipe_toml import load_recipe
from covidcxr.curation.assemble import ALWAYS
from covidcxr.curation.balances import BALANCES
from covidcxr.curation.recipe_names import check_names
from covidcxr.curation.rules import RULES
from covidcxr.curation.splits import SPLIT_STRATEGIES

GUIDE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")


def first_column(heading: str) -> list[str]:
    """Return the names in backquotes that the table below a heading has in its first column, in order."""
    section = GUIDE.partition(f"\n## {heading}")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize(
    ("heading", "known"),
    [
        ("Keys of", DatasetRecipe.model_fields),
        ("Splits", SPLIT_STRATEGIES.names()),
        ("Balances", BALANCES.names()),
        ("Rules", RULES.names()),
    ],
)
def test_each_table_names_what_there_is(heading: str, known: Collection[str]) -> None:
    assert sorted(first_column(heading)) == sorted(known)


def test_the_options_of_splits_and_balances_are_named() -> None:
    options = {*SplitRecipe.model_fields, *BalanceRecipe.model_fields} - {"strategy"}
    assert [name for name in sorted(options) if f"`{name}`" not in GUIDE] == []


def test_the_rules_said_to_be_always_applied_are() -> None:
    assert set(first_column("Rules")[:3]) == set(ALWAYS)


def test_the_example_is_a_recipe_that_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "my-adults.toml"
    path.write_text(re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)[0], encoding="utf-8")
    recipe = check_names(load_recipe(path))
    assert recipe.dataset.take["csv"] == ("COVID-19", "Normal")
    assert recipe.dataset.split.folds == 5
