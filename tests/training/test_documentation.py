from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from covidcxr.core.recipe import TrainingRecipe

PAGE = Path(__file__).parents[2] / "docs" / "training.md"


def keys(table: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, field in table.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.default


def documented() -> dict[str, str]:
    section = PAGE.read_text(encoding="utf-8").partition("## The keys of `[training]`")[2]
    rows = [row.split(" | ") for row in section.splitlines() if row.startswith("| `")]
    return {key: row[1] for row in rows for key in re.findall(r"`([^`]+)`", row[0])}


def test_the_page_on_training_has_every_key_of_a_recipe_and_no_other() -> None:
    assert set(documented()) == {key for key, _ in keys(TrainingRecipe)}


def test_the_defaults_on_the_page_are_those_of_a_recipe() -> None:
    shown = documented()
    for key, default in keys(TrainingRecipe):
        if isinstance(default, str):
            assert shown[key] == f"`{default}`", key
        elif isinstance(default, int | float):
            assert float(shown[key]) == pytest.approx(default), key
