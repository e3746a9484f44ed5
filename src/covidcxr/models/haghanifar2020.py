"""The base network of Haghanifar 2020, "COVID-CXNet" (arXiv:2006.13807): COVID-19 against normal, from strides alone.

Its authors found its heat maps wrong in more than half of their samples.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from covidcxr.core.errors import RecipeError
from covidcxr.models import MODELS
from covidcxr.models.network import BinaryLogits, ChestNetwork, GrayConv2d, initialise_as_keras

_MIN_SIZE = 95


@MODELS.register("haghanifar2020")
class Haghanifar2020(ChestNetwork):
    """Five strided valid convolutions of 32 channels with ReLU and three small dense layers: 76,675 parameters.

    Args:
        num_classes: With two, the output is one logit for the first class, as published; else one a class.
        size: Rows and columns of the input; 400 as published.
        channels: Input channels.
    """

    default_size: ClassVar[int] = 400
    default_channels: ClassVar[int] = 1
    default_classes: ClassVar[int] = 2

    def __init__(self, *, num_classes: int = 2, size: int = 400, channels: int = 1) -> None:
        super().__init__(num_classes=num_classes, size=size, channels=channels)
        if size < _MIN_SIZE:
            raise RecipeError(f"network haghanifar2020: size {size} is smaller than {_MIN_SIZE}")
        self.stem = GrayConv2d(channels, 32, 5, stride=2)
        self.convolutions = nn.ModuleList([nn.Conv2d(32, 32, 3, stride=2) for _ in range(4)])
        side = (size - 5) // 2 + 1
        for _ in self.convolutions:
            side = (side - 3) // 2 + 1
        self.dense1 = nn.Linear(side * side * 32, 10)
        self.dense2 = nn.Linear(10, 10)
        self.classifier = BinaryLogits(10, num_classes)
        if not self.dense1.weight.is_meta:
            initialise_as_keras(self)

    def forward_with_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, num_classes) and the last convolution's map (N, 32, h, w)."""
        x = functional.relu(self.stem(images))
        for convolution in self.convolutions:
            x = functional.relu(convolution(x))
        hidden = functional.relu(self.dense1(x.permute(0, 2, 3, 1).flatten(1)))
        return self.classifier(functional.relu(self.dense2(hidden))), x
