from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from covidcxr.core.progress import SILENT
from covidcxr.core.recipe import Recipe
from covidcxr.dataset.dataset import Dataset
from covidcxr.training.batches import Batches
from covidcxr.training.loading import load_parts


@pytest.mark.parametrize("case", [(9, 2, 1), (9, 2, 3), (7, 3, 2), (2, 3, 1), (1, 2, 1)])
def test_processes_share_every_image_of_a_batch_and_their_mean_is_its_mean(
    films: Path, tmp_path: Path, small_recipe: Callable[..., Recipe], case: tuple[int, int, int]
) -> None:
    num_images, world, accumulate = case
    recipe = small_recipe(accumulate=accumulate)
    dataset = Dataset.open(films, classes=recipe.dataset.classes)
    packed = load_parts(recipe, dataset, cache=tmp_path, progress=SILENT).train
    rows = np.arange(40, 40 - num_images, -1)

    def shares(world: int, rank: int) -> Any:
        fabric: Any = SimpleNamespace(world_size=world, global_rank=rank, device=torch.device("cpu"))
        return Batches(recipe, fabric).train(packed, rows, epoch=0, step=0)

    means = [part.weight * float(part.images.mean()) for rank in range(world) for part in shares(world, rank)]
    whole = sum(part.weight * float(part.images.mean()) for part in shares(1, 0))
    assert sum(means) / world == pytest.approx(whole, rel=1e-5)
    counted = [row for rank in range(world) for part in shares(world, rank) for row in part.rows[part.counted].tolist()]
    assert sorted(counted) == sorted(rows.tolist())
    assert len({len(shares(world, rank)) for rank in range(world)}) == 1  # or one would wait for another's part
