"""Explanations on a Ray cluster: chunks of images on other machines, the same rows and overlays as here.

Each process of the cluster loads the bundle once, by its path; overlays come back through Ray and are written by the
caller. An extra: ``pip install 'covidcxr[ray]'``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from covidcxr.core.ray_tasks import map_on_ray
from covidcxr.explain.batch import Chunk, Explained, Wanted, explain_chunk
from covidcxr.explain.explainer import Explainer


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainerSetup:
    """What every machine explains with, and how; ``bundle`` is a path that all of them see."""

    bundle: Path
    method: str
    device: str = "auto"
    wanted: Wanted


def ray_chunks(setup: ExplainerSetup, chunks: Iterator[Chunk]) -> Iterator[list[Explained]]:
    """Yield the explanations of every chunk, in order, computed by the cluster.

    Raises:
        MissingExtraError: If Ray is not installed.
        ExplainError, DatasetError, BundleError: As `explain_chunk`.
    """
    here = replace(setup, bundle=setup.bundle.absolute())
    work = ((here, [(name, path.absolute()) for name, path in chunk]) for chunk in chunks)
    yield from map_on_ray(_work, work, uses_gpu=setup.device == "cuda")


def _work(batch: tuple[ExplainerSetup, Chunk]) -> list[Explained]:
    setup, chunk = batch
    explainer = _explainer(setup.bundle, setup.method, setup.device)
    return explain_chunk(explainer, chunk, setup.wanted)


@functools.lru_cache(maxsize=1)
def _explainer(bundle: Path, method: str, device: str) -> Explainer:
    return Explainer.load(bundle, method=method, device=device)
