"""Mixup (H. Zhang et al., arXiv:1710.09412) and CutMix (S. Yun et al., arXiv:1905.04899): two images as one.

One share and one pairing for a whole batch. Cross-entropy is linear in its target, so the loss of a mixed image is the
two labels' losses in the same shares; `covidcxr.training.losses` takes it so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Mixed:
    """A batch of which each image may be partly another one's.

    Attributes:
        images: Float (N, C, S, S).
        partners: int64 (N,), the row that each image is mixed with.
        share: How much of an image is its own, at least one half; 1 where nothing is mixed.
    """

    images: Tensor
    partners: Tensor
    share: float


def mix(images: Tensor, generator: Generator, *, mixup: float, cutmix: float) -> Mixed:
    """Return ``images`` (N, C, S, S) mixed among themselves; where both ways are on, a coin chooses.

    Args:
        images: Float (N, C, S, S), preprocessed; not modified.
        generator: Source of every random number.
        mixup: Parameter of the symmetric beta distribution of the share in mixup; 0 for none.
        cutmix: The same in CutMix.
    """
    partners = torch.arange(len(images))
    if not (mixup or cutmix):
        return Mixed(images=images, partners=partners, share=1.0)
    cut = bool(cutmix) and (not mixup or generator.random() < 0.5)
    share = float(generator.beta(cutmix, cutmix) if cut else generator.beta(mixup, mixup))
    share = max(share, 1.0 - share)  # so that an image's own label is the one to count it under
    partners = torch.from_numpy(generator.permutation(len(images)))
    if not cut:
        return Mixed(images=torch.lerp(images[partners], images, share), partners=partners, share=share)
    rows, columns = _box(images.shape[-2], images.shape[-1], 1.0 - share, generator)
    mixed = images.clone()
    mixed[..., rows, columns] = images[partners][..., rows, columns]
    area = (rows.stop - rows.start) * (columns.stop - columns.start)
    return Mixed(images=mixed, partners=partners, share=1.0 - area / (images.shape[-2] * images.shape[-1]))


def _box(height: int, width: int, share: float, generator: Generator) -> tuple[slice, slice]:
    """Return a box of at most ``share`` of the area around a random centre, cut at the border."""
    sides = []
    for length in (height, width):
        half = int(length * np.sqrt(share)) // 2
        centre = int(generator.integers(length))
        sides.append(slice(max(centre - half, 0), min(centre + half, length)))
    return sides[0], sides[1]
