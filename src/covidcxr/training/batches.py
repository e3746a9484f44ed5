"""A training's batches on the device: read, changed at random, standardised, mixed.

What is random follows from (seed, epoch, step) and is the same in every process; each process then takes its share.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from covidcxr.core.recipe import Recipe
from covidcxr.core.types import PreprocessSpec
from covidcxr.dataset.packed import PackedImages
from covidcxr.training.augment import augment
from covidcxr.training.loading import finish_images, step_generator, step_seed, unit_images
from covidcxr.training.mixing import mix

_EVALUATION_BATCH = 128


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Batch:
    """This process's share of a batch, or of one of the parts that a batch is worked through in.

    Attributes:
        images: Float (n, 1, S, S) as the network takes them, channels last.
        labels: int64 (n,).
        others: int64 (n,), the labels of the images they are mixed with.
        rows: int64 (n,), their places in the packed images.
        counted: Bool (n,), over all processes true once for each image; false where it is repeated.
        share: How much of an image is its own; 1 where nothing is mixed.
        weight: What the mean loss of these images counts, so that the mean over processes of the sum over parts is
            the mean over the images of the whole batch.
    """

    images: Tensor
    labels: Tensor
    others: Tensor
    rows: Tensor
    counted: Tensor
    share: float
    weight: float


def plain_batches(packed: PackedImages, spec: PreprocessSpec) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield float32 (n, 1, S, S) images as a network takes them, and int64 (n,) labels, of all rows in order."""
    for start in range(0, len(packed.labels), _EVALUATION_BATCH):
        rows = np.arange(start, min(start + _EVALUATION_BATCH, len(packed.labels)))
        yield finish_images(unit_images(packed, rows, spec), spec), torch.from_numpy(packed.labels[rows])


class Batches:
    """Makes the batches that a recipe asks for."""

    def __init__(self, recipe: Recipe, fabric: Fabric) -> None:
        self._training, self._spec, self._fabric = recipe.training, recipe.network.preprocess.spec(), fabric

    def train(self, packed: PackedImages, rows: NDArray[np.int64], *, epoch: int, step: int) -> list[Batch]:
        """Return this process's share of the training batch of some rows, in parts; ``epoch`` and ``step`` from 0.

        Every process gets as many parts, and at least one image of each: where a part has fewer images than there
        are processes it is repeated whole, which leaves its mean loss and statistics as they are, and counted once.
        """
        training, world, device = self._training, self._fabric.world_size, self._fabric.device
        generator = step_generator(training.seed, epoch, step, "augmentation")
        images = finish_images(augment(unit_images(packed, rows, self._spec), training.augment, generator), self._spec)
        labels = torch.from_numpy(packed.labels[rows])
        draws = np.random.default_rng(step_seed(training.seed, epoch, step, "mixing"))
        mixed = mix(images, draws, mixup=training.mixup, cutmix=training.cutmix)
        size = math.ceil(len(rows) / training.accumulate)
        parts = []
        for start in range(0, len(rows), size):
            whole = range(start, min(start + size, len(rows)))
            repeats = -(-world // len(whole))
            own = slice(self._fabric.global_rank, None, world)
            mine = torch.tensor([*whole] * repeats)[own]
            parts.append(
                Batch(
                    images=self._to_device(mixed.images[mine]),
                    labels=labels[mine].to(device),
                    others=labels[mixed.partners][mine].to(device),
                    rows=torch.from_numpy(rows)[mine],
                    counted=(torch.arange(len(whole) * repeats) < len(whole))[own],
                    share=mixed.share,
                    weight=len(mine) * world / (repeats * len(rows)),
                )
            )
        return parts

    def plain(self, packed: PackedImages) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (images, labels) of all rows in order, unchanged, on every process."""
        for images, labels in plain_batches(packed, self._spec):
            yield self._to_device(images), labels.to(self._fabric.device)

    def _to_device(self, images: Tensor) -> Tensor:
        return images.to(device=self._fabric.device, memory_format=torch.channels_last)
