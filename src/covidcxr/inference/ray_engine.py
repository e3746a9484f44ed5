"""Prediction on a Ray cluster: whole parts of a table on other machines, the same rows as here.

Each process of the cluster loads the bundle once, by its path, and reads the images by theirs. An extra:
``pip install 'covidcxr[ray]'``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from covidcxr.core.ray_tasks import map_on_ray
from covidcxr.inference.backends.backend import Precision
from covidcxr.inference.decoding import Item
from covidcxr.inference.predictor import LungFraction, Predictor
from covidcxr.models.bundle import Bundle
from covidcxr.outputs.predictions import Row, to_row


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictorSetup:
    """What `Predictor.load` is called with on every machine; ``bundle`` is a path that all of them see."""

    bundle: Path
    backend: str | None = None
    device: str = "auto"
    batch_size: int
    precision: Precision = "fp32"
    gated: bool | None = None
    turning: bool = False
    explained_by: Callable[[Bundle, str], LungFraction] | None = None


def ray_parts(setup: PredictorSetup, items: Iterator[Item], part_rows: int) -> Iterator[list[Row]]:
    """Yield the rows of every ``part_rows`` items, in order, computed by the cluster.

    Raises:
        MissingExtraError: If Ray is not installed.
        BundleError: As `Predictor.load`.
        ImageReadError: Only if there is no such input at all; an image's own fault is its row.
    """
    here = replace(setup, bundle=setup.bundle.absolute())
    yield from map_on_ray(_work, _batches(here, items, part_rows), uses_gpu=setup.device == "cuda")


def _batches(setup: PredictorSetup, items: Iterator[Item], size: int) -> Iterator[tuple[PredictorSetup, list[Item]]]:
    while part := [_absolute(item) for item in islice(items, size)]:
        yield setup, part


def _absolute(item: Item) -> Item:
    return replace(item, source=item.source.absolute()) if isinstance(item.source, Path) else item


def _work(batch: tuple[PredictorSetup, list[Item]]) -> list[Row]:
    setup, items = batch
    return [to_row(prediction) for prediction in _predictor(setup).predict_items(items, group=len(items))]


@functools.lru_cache(maxsize=1)
def _predictor(setup: PredictorSetup) -> Predictor:
    return Predictor.load(
        setup.bundle,
        backend=setup.backend,
        device=setup.device,
        batch_size=setup.batch_size,
        precision=setup.precision,
        gated=setup.gated,
        turning=setup.turning,
        explained_by=setup.explained_by,
    )
