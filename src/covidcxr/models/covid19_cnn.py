"""The network of Covid19_CNN (K. Gogisetty, 2020): four valid convolutions for COVID-19 against everything else."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from covidcxr.core.errors import RecipeError
from covidcxr.models import MODELS
from covidcxr.models.network import BinaryLogits, ChestNetwork, GrayConv2d, initialise_as_keras

_MIN_SIZE = 22


@MODELS.register("covid19-cnn")
class Covid19Cnn(ChestNetwork):
    """Convolutions of 32, 64, 64 and 128 channels with ReLU, dropout and a dense head: 7,503,105 parameters.

    Args:
        num_classes: With two, the output is one logit for the first class, as published; else one a class.
        size: Rows and columns of the input; 256 as published.
        channels: Input channels.
    """

    default_size: ClassVar[int] = 256
    default_channels: ClassVar[int] = 3
    default_classes: ClassVar[int] = 2

    def __init__(self, *, num_classes: int = 2, size: int = 256, channels: int = 3) -> None:
        super().__init__(num_classes=num_classes, size=size, channels=channels)
        if size < _MIN_SIZE:
            raise RecipeError(f"network covid19-cnn: size {size} is smaller than {_MIN_SIZE}")
        self.conv1 = GrayConv2d(channels, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.conv3 = nn.Conv2d(64, 64, 3)
        self.conv4 = nn.Conv2d(64, 128, 3)
        side = (((size - 4) // 2 - 2) // 2 - 2) // 2
        self.dense = nn.Linear(side * side * 128, 64)
        self.classifier = BinaryLogits(64, num_classes)
        if not self.dense.weight.is_meta:
            initialise_as_keras(self)

    def forward_with_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, num_classes) and the fourth convolution's map (N, 128, h, w) before its pool."""
        x = functional.relu(self.conv2(functional.relu(self.conv1(images))))
        x = functional.dropout(functional.max_pool2d(x, 2), 0.25, self.training)
        x = functional.dropout(functional.max_pool2d(functional.relu(self.conv3(x)), 2), 0.25, self.training)
        last = functional.relu(self.conv4(x))
        x = functional.dropout(functional.max_pool2d(last, 2), 0.25, self.training)
        x = functional.relu(self.dense(x.permute(0, 2, 3, 1).flatten(1)))
        return self.classifier(functional.dropout(x, 0.5, self.training)), last
