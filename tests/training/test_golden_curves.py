"""Losses of tiny trainings in float32, as they were before training learnt of several processes' statistics.

Values of commit 6dd1841 on an x86-64 CPU, (training, validation) by epoch; on that machine they are equal bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from covidcxr.core.recipe import Recipe
from trainings import curve

Case = tuple[dict[str, Any], list[float]]
CASES: dict[str, Case] = {
    "plain": ({}, [0.6907171905, 0.6707649231, 0.6523867448, 0.5966227651]),
    "weighted, smoothed, averaged, uneven": (
        {"batch_size": 7, "ema": 0.9, "loss": {"label_smoothing": 0.1, "class_weights": {"COVID-19": 3.0}}},
        [1.3361154708, 0.6722638011, 1.1084499260, 0.7744941711],
    ),
    "sampled, momentum": (
        {"sampling": "class-root-source", "optimizer": {"name": "sgd", "learning_rate": 1e-2, "momentum": 0.9}},
        [0.6921656926, 0.6900043488, 0.6896524529, 0.6865271926],
    ),
    "mixed, focal, in parts": (
        {"mixup": 0.4, "cutmix": 1.0, "loss": {"focal": 2.0}, "accumulate": 2},
        [0.1728638547, 0.6769718528, 0.1594696703, 0.6167231798],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_one_process_trains_as_it_always_did(
    run: Callable[..., Path], small_recipe: Callable[..., Recipe], name: str
) -> None:
    changes, expected = CASES[name]
    out = run(small_recipe(precision="float32", epochs=2, **changes))
    losses = [part["loss"] for epoch in curve(out) for part in epoch]
    assert losses == pytest.approx(expected, rel=1e-4)
