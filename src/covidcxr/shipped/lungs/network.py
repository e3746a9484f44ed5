"""The network that finds lung fields: a U-Net on the first stages of EfficientNet-Lite0.

Its encoder can start from ImageNet, so that a few hundred masks suffice. How it is trained and where its weights go
is known to `covidcxr.shipped.lungs.fit`; what runs it without torch, to `covidcxr.imaging.lungs.segment`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from covidcxr.models.efficientnet_lite import EfficientNetLite0

_STAGES = 5  # of the encoder's seven: down to a sixteenth of the side; with the others it would not fit in 2 MB
_WIDTHS = (16, 24, 40, 112)  # channels of the encoder at a half, a quarter, an eighth, a sixteenth
_DECODED = (16, 24, 40)


class LungNetwork(nn.Module):
    """A U-Net (Ronneberger 2015, arXiv:1505.04597) with two mask channels and one answer on the whole image.

    The masks come out at half resolution, as logits that are interpolated to whatever size is wanted.
    """

    def __init__(self) -> None:
        super().__init__()
        self._build(EfficientNetLite0())

    def _build(self, whole: EfficientNetLite0) -> None:
        starts = whole.stage_starts
        # one part for each resolution; a stage that does not halve the side belongs to the part before it
        ends = [starts[1], starts[2], starts[3], starts[_STAGES]]
        blocks = list(whole.blocks)
        parts = [nn.Sequential(whole.stem, *blocks[: ends[0]])]
        parts += [nn.Sequential(*blocks[a:b]) for a, b in pairwise(ends)]
        self.down = nn.ModuleList(parts)
        deeper = (*_DECODED[1:], _WIDTHS[-1])
        self.up = nn.ModuleList(
            nn.Sequential(_block(below + skip, out), _block(out, out))
            for below, skip, out in zip(deeper, _WIDTHS, _DECODED, strict=False)
        )
        self.masks = nn.Conv2d(_DECODED[0], 2, 1)
        self.presence = nn.Linear(2 * _WIDTHS[-1], 1)

    @classmethod
    def pretrained(cls, seed: int = 0) -> Self:
        """Return a network whose encoder has the ImageNet weights that pip brings, the rest drawn by ``seed``.

        Raises:
            MissingExtraError: If their package is not installed.
        """
        torch.manual_seed(seed)
        whole = EfficientNetLite0()
        whole.load_pretrained()
        network = cls()
        network._build(whole)
        return network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return mask logits (N, 2, S / 2, S / 2), right lung first, and presence logits (N,).

        Args:
            images: Float (N, 1, S, S), standardised image by image; S a multiple of 32.
        """
        maps = []
        x = images
        for down in self.down:
            x = down(x)
            maps.append(x)
        summary = torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1)
        for up, skip in zip(reversed(self.up), reversed(maps[:-1]), strict=True):
            x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = up(torch.cat([x, skip], dim=1))
        return self.masks(x), self.presence(summary)[:, 0]


def standardise(films: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return images (N, S, S) each with mean 0 and standard deviation 1, as the network takes them."""
    mean = films.mean(axis=(1, 2), keepdims=True)
    deviation = films.std(axis=(1, 2), keepdims=True)
    return np.asarray((films - mean) / np.maximum(deviation, 1e-3), np.float32)


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
