"""The network that finds lung fields: a small U-Net that works at half the input's resolution.

How it is trained and where its weights go is known to `covidcxr.training.lungs`; what runs it without torch, to
`covidcxr.imaging.lungs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (16, 32, 56, 96, 144)


class LungNetwork(nn.Module):
    """A U-Net (Ronneberger 2015, arXiv:1505.04597) with two mask channels and one answer on the whole film.

    The first layer folds each 2 x 2 cell into channels, so that every convolution runs at half resolution; the
    masks come out at half resolution too, as logits that are interpolated to whatever size is wanted.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.fold = nn.PixelUnshuffle(2)
        self.stem = nn.Sequential(_block(4, widths[0]), _block(widths[0], widths[0]))
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(nn.Sequential(_block(a, b, stride=2), _block(b, b)) for a, b in pairs)
        self.up = nn.ModuleList(nn.Sequential(_block(a + b, a), _block(a, a)) for a, b in pairs)
        self.masks = nn.Conv2d(widths[0], 2, 1)
        self.presence = nn.Linear(2 * widths[-1], 1)

    def forward(self, films: Tensor) -> tuple[Tensor, Tensor]:
        """Return mask logits (N, 2, S / 2, S / 2), right lung first, and presence logits (N,).

        Args:
            films: Float (N, 1, S, S), standardised film by film; S a multiple of 32.
        """
        maps = [self.stem(self.fold(films))]
        for down in self.down:
            maps.append(down(maps[-1]))
        deep = maps[-1]
        summary = torch.cat([deep.mean(dim=(2, 3)), deep.amax(dim=(2, 3))], dim=1)
        fine = deep
        for up, skip in zip(reversed(self.up), reversed(maps[:-1]), strict=True):
            fine = functional.interpolate(fine, scale_factor=2.0, mode="bilinear", align_corners=False)
            fine = up(torch.cat([fine, skip], dim=1))
        return self.masks(fine), self.presence(summary)[:, 0]


def standardise(films: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return films (N, S, S) each with mean 0 and standard deviation 1, as the network takes them."""
    mean = films.mean(axis=(1, 2), keepdims=True)
    deviation = films.std(axis=(1, 2), keepdims=True)
    return np.asarray((films - mean) / np.maximum(deviation, 1e-3), np.float32)


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
