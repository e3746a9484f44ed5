from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from covidcxr.core.recipe import Recipe
from covidcxr.core.recipe_toml import resolve_recipe
from covidcxr.training.fit import train

CLASSES = ("COVID-19", "Normal")


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class-folder tree whose two classes differ in the brightness of a band: 24 + 24 train, 6 + 6 test."""
    root = tmp_path_factory.mktemp("films")
    generator = np.random.default_rng(0)
    for split, count in (("train", 24), ("test", 6)):
        for label in CLASSES:
            folder = root / split / label
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = generator.normal(110, 25, (100, 100))
                pixels[30:60] += 70 if label == "COVID-19" else -30
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
    return root


@pytest.fixture
def small_recipe() -> Callable[..., Recipe]:
    def build(**training: Any) -> Recipe:
        return resolve_recipe(
            {
                "name": "small",
                "title": "Small",
                "dataset": {"classes": CLASSES, "take": {}},
                "network": {"name": "haghanifar2020", "preprocess": {"size": 96}},
                "training": {
                    "epochs": 3,
                    "batch_size": 8,
                    "optimizer": {"learning_rate": 1e-3},
                    "augment": {"flip_horizontal": 0.5, "brightness": 0.1, "noise": 0.05},
                    "validation": "test",
                    **training,
                },
            },
            where="small",
        )

    return build


@pytest.fixture
def run(films: Path, tmp_path: Path) -> Callable[..., Path]:
    def go(recipe: Recipe, name: str = "run", **options: Any) -> Path:
        train(recipe, films, tmp_path / name, device="cpu", cache=tmp_path / "cache", **options)
        return tmp_path / name

    return go
