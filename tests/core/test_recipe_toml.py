from __future__ import annotations

import tomllib

import pytest

from covidcxr.core.recipe_toml import load_recipe, recipe_names, recipe_toml, resolve_recipe


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_written_as_toml_is_read_back_the_same(name: str) -> None:
    recipe = load_recipe(name, ["training.optimizer.learning_rate=1e-5", 'title="A \\"title\\" – ÄÖ"'])
    assert resolve_recipe(tomllib.loads(recipe_toml(recipe)), where=name) == recipe
