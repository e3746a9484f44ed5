"""The network of Zhong 2020, "COVID-19-CXR" (arXiv:2007.09695): 63,148,835 parameters at 80x80x3 and three classes.

62 of its 63 million parameters are two dense layers. How it is trained is not known here.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from covidcxr.core.errors import RecipeError
from covidcxr.models import MODELS
from covidcxr.models.activations import elu
from covidcxr.models.network import ChestNetwork, GrayConv2d, Rate, initialise_as_keras

_BLOCKS = ((32, 32), (64, 64), (128, 128, 128), (128, 128, 128))


@MODELS.register("zhong2020")
class Zhong2020(ChestNetwork):
    """Four blocks of 3x3 convolutions with ELU, whose globally pooled maps join the last one in a dense head.

    Args:
        num_classes: Outputs.
        size: Rows and columns of the input; a multiple of 8.
        channels: Input channels.
        pooling: Global pooling of each block's pooled map: ``max`` in the published code, ``average`` in the text.
        dropout: Rates after the two hidden dense layers.
    """

    default_size: ClassVar[int] = 80
    default_channels: ClassVar[int] = 3

    def __init__(
        self,
        *,
        num_classes: int = 3,
        size: int = 80,
        channels: int = 3,
        pooling: Literal["max", "average"] = "max",
        dropout: tuple[Rate, Rate] = (0.5, 0.4),
    ) -> None:
        super().__init__(num_classes=num_classes, size=size, channels=channels)
        if pooling not in ("max", "average"):
            raise RecipeError(f"network zhong2020: pooling {pooling!r} is neither 'max' nor 'average'")
        if size % 8 or size < 16:
            raise RecipeError(f"network zhong2020: size {size} is not a multiple of 8 of at least 16")
        self.pooling = pooling
        self.blocks = nn.ModuleList()
        previous = channels
        for widths in _BLOCKS:
            layers = [GrayConv2d(a, b, 3, padding=1) for a, b in pairwise((previous, *widths))]
            self.blocks.append(nn.ModuleList(layers))
            previous = widths[-1]
        flat = (size // 8) ** 2 * previous + sum(widths[-1] for widths in _BLOCKS)
        self.dense1 = nn.Linear(flat, 4096)
        self.dense2 = nn.Linear(4096, 2048)
        self.classifier = nn.Linear(2048, num_classes)
        self.dropout = tuple(dropout)
        if not self.classifier.weight.is_meta:
            initialise_as_keras(self)

    def forward_with_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, num_classes) and the fourth block's map (N, 128, size/8, size/8) before its pool."""
        pooled, last = self._blocks(images)
        flat = last.permute(0, 2, 3, 1).flatten(1)  # rows, columns, channels: Keras' order, no copy channels-last
        hidden = torch.cat([*pooled, flat], dim=1)
        hidden = functional.dropout(elu(self.dense1(hidden)), self.dropout[0], self.training)
        hidden = functional.dropout(elu(self.dense2(hidden)), self.dropout[1], self.training)
        return self.classifier(hidden), last

    def _blocks(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        pooled: list[Tensor] = []
        x = images
        for number, block in enumerate(self.blocks):
            *inner, outer = block.children()
            for layer in inner:
                x = elu(layer(x))
            x = outer(x)
            if number < len(self.blocks) - 1:
                # ELU is increasing, so pooling before it gives the same values and touches a quarter of them.
                x = elu(functional.max_pool2d(x, 2))
                pooled.append(self._global(x))
        last = elu(x)
        pooled.append(self._global(functional.max_pool2d(last, 2)))
        return pooled, last

    def _global(self, pooled: Tensor) -> Tensor:
        return pooled.amax(dim=(2, 3)) if self.pooling == "max" else pooled.mean(dim=(2, 3))
