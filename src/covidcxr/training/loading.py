"""Which images a training sees, in which order, as batches of tensors.

The order, and everything random in a batch, follows from (seed, epoch, step) alone: no generator's state has to be
kept to go on exactly after a kill. Decoding and packing are known to `covidcxr.dataset.packed`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from covidcxr.core.cache import cache_folder
from covidcxr.core.digests import bytes_sha256
from covidcxr.core.errors import TrainingError
from covidcxr.core.progress import Progress
from covidcxr.core.recipe import PreprocessRecipe, Recipe
from covidcxr.core.types import PreprocessSpec, Sample
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.packed import PackedImages, pack
from covidcxr.imaging.preprocess import standard_intensity

_FLAT = 1e-6

Sampling = Literal["natural", "class", "class-source", "class-root-source"]
_ROOT = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """The packed images to learn from and to watch."""

    train: PackedImages
    validation: PackedImages


def default_cache() -> Path:
    """Return the folder of packed images: COVIDCXR_CACHE, else the user's cache folder."""
    return cache_folder("packed")


def load_parts(recipe: Recipe, dataset: Dataset, *, cache: Path | None = None, progress: Progress) -> Parts:
    """Divide the dataset as the recipe says, and pack both parts.

    The test split is touched only if the recipe's validation *is* the test split, the fault of published systems.

    Raises:
        TrainingError: If a class has no training or no validation image.
    """
    train = dataset.split("train")
    if recipe.training.validation == "test":
        validation = dataset.split("test")
    elif any(sample.split == "val" for sample in dataset.samples):
        validation = dataset.split("val")
    else:
        fraction = recipe.training.validation_fraction
        train, validation = carve_validation(train, fraction=fraction, seed=recipe.training.seed)
    for name, part in (("training", train), ("validation", validation)):
        missing = [label for label in dataset.classes if not any(sample.label == label for sample in part)]
        if missing:
            raise TrainingError(
                f"{dataset.root}: no {name} image of class {missing[0]!r}; every class needs patients in both parts: "
                "change training.validation_fraction, or the classes of the recipe"
            )
    spec = recipe.network.preprocess
    folder = cache or default_cache()
    return Parts(
        train=_packed(dataset, train, spec, folder, progress),
        validation=_packed(dataset, validation, spec, folder, progress),
    )


def _packed(
    dataset: Dataset, samples: Sequence[Sample], spec: PreprocessRecipe, cache: Path, progress: Progress
) -> PackedImages:
    return pack(dataset, samples, size=spec.size, region=spec.region, crop=spec.crop, cache=cache, progress=progress)


def carve_validation(
    samples: Sequence[Sample], *, fraction: float, seed: int
) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Return (training, validation) samples: whole groups, about ``fraction`` of each (class, source).

    A group counts for the (class, source) of its first sample; at least one group of each stays in training.
    """
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda sample: sample.record.record_id):
        groups[sample.group_id].append(sample)
    strata: dict[tuple[str, str], list[str]] = defaultdict(list)
    for group_id, members in groups.items():
        strata[members[0].label, members[0].record.source].append(group_id)
    generator = np.random.default_rng([seed, 0x5A11D])
    chosen: set[str] = set()
    for key in sorted(strata):
        order = [strata[key][index] for index in generator.permutation(len(strata[key]))]
        wanted = fraction * sum(len(groups[group_id]) for group_id in order)
        taken = 0
        for group_id in order[: len(order) - 1]:
            if taken >= wanted:
                break
            chosen.add(group_id)
            taken += len(groups[group_id])
    train = tuple(sample for sample in samples if sample.group_id not in chosen)
    validation = tuple(sample for sample in samples if sample.group_id in chosen)
    return train, validation


def epoch_order(packed: PackedImages, *, sampling: Sampling, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the int64 (N,) rows of ``packed`` that an epoch visits, in order.

    ``natural``: every row once. Else N draws: ``class``, in which every class is equally likely; ``class-source``,
    every (class, source); ``class-root-source``, every class, and in it each source in proportion to the fourth root
    of its rows, so that small sources count without being learnt by heart. Rows of a group are drawn without
    replacement until it is used up.
    """
    generator = np.random.default_rng([seed, epoch])
    num = len(packed.labels)
    if sampling == "natural":
        return generator.permutation(num)
    rows: dict[tuple[int, str], list[int]] = defaultdict(list)
    for row, sample in enumerate(packed.samples):
        rows[int(packed.labels[row]), "" if sampling == "class" else sample.record.source].append(row)
    drawn = []
    for key, share in _shares(rows, num, sampling).items():
        members = np.array(rows[key])
        repeats = -(-share // len(members))
        drawn.append(np.concatenate([generator.permutation(members) for _ in range(repeats)])[:share])
    return generator.permutation(np.concatenate(drawn))[:num]


def _shares(rows: Mapping[tuple[int, str], Sequence[int]], num: int, sampling: Sampling) -> dict[tuple[int, str], int]:
    """Return how many of ``num`` draws each group gets, rounded up, by sorted group."""
    if sampling != "class-root-source":
        return {key: -(-num // len(rows)) for key in sorted(rows)}
    weights = {key: len(rows[key]) ** _ROOT for key in sorted(rows)}
    totals: dict[int, float] = defaultdict(float)
    for (label, _), weight in weights.items():
        totals[label] += weight
    return {key: math.ceil(num * weight / (len(totals) * totals[key[0]])) for key, weight in weights.items()}


def step_seed(seed: int, epoch: int, step: int, purpose: str) -> int:
    """Return a seed that depends on all four and nothing else."""
    return int(bytes_sha256(f"{seed}/{epoch}/{step}/{purpose}".encode())[:12], 16)


def step_generator(seed: int, epoch: int, step: int, purpose: str) -> Generator:
    """Return a CPU generator for one purpose of one step."""
    return torch.Generator().manual_seed(step_seed(seed, epoch, step, purpose))


def unit_images(packed: PackedImages, rows: NDArray[np.int64], spec: PreprocessSpec) -> Tensor:
    """Return float32 (n, 1, S, S) images in [0, 1] of some rows, before augmentation.

    Histogram modes of ``spec.intensity`` are applied here, because they need the image's own 256 levels.
    """
    levels = packed.images[rows]
    if spec.intensity in ("equalize", "clahe"):
        unit = levels.astype(np.float32) * np.float32(1 / 255)
        return torch.from_numpy(np.stack([standard_intensity(image, spec.intensity) for image in unit])).unsqueeze(1)
    return torch.from_numpy(levels).unsqueeze(1).float().mul_(1 / 255)


def finish_images(images: Tensor, spec: PreprocessSpec) -> Tensor:
    """Apply what follows augmentation: standardisation to mean 0.5 and deviation 0.25, then ``(x - mean) / std``.

    The same arithmetic as `covidcxr.imaging.preprocess.finish`, on a batch (n, 1, S, S).
    """
    if spec.intensity == "standardize":
        deviation, mean = torch.std_mean(images, dim=(1, 2, 3), keepdim=True, correction=0)
        scaled = (images - mean) * (0.25 / deviation.clamp(min=_FLAT)) + 0.5
        images = scaled.clamp_(0.0, 1.0)
    if spec.mean != 0.0 or spec.std != 1.0:
        images = (images - spec.mean) / spec.std
    return images
