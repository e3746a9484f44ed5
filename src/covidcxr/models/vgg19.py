"""VGG of 19 layers (K. Simonyan and A. Zisserman, arXiv:1409.1556), the backbone that COVIDX-Net found best.

How it is trained is not known here.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from covidcxr.core.errors import RecipeError
from covidcxr.models import MODELS
from covidcxr.models.network import ChestNetwork, GrayConv2d, Rate

_STAGES = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))  # configuration E: channels, convolutions
_MIN_SIZE = 32
_SIDE, _HIDDEN = 7, 4096


@MODELS.register("vgg19")
class Vgg19(ChestNetwork):
    """Five stages of 3x3 convolutions with ReLU, each before a 2x2 maximum.

    Args:
        num_classes: Outputs.
        size: Rows and columns of the input; at least 32.
        channels: Input channels; 3 as published.
        head: ``pooled``, a global average and one dense layer; ``dense``, the two hidden layers of 4096 that it was
            published with, on a map brought to 7x7: 143,667,240 parameters at 1000 classes and three channels.
        normalise: Batch normalisation after each convolution; without it nothing is learned from random weights at
            usual rates.
        dropout: Before the last layer, and after the hidden ones.
    """

    def __init__(
        self,
        *,
        num_classes: int = 3,
        size: int = 224,
        channels: int = 1,
        head: Literal["pooled", "dense"] = "pooled",
        normalise: bool = False,
        dropout: Rate = 0.5,
    ) -> None:
        super().__init__(num_classes=num_classes, size=size, channels=channels)
        if size < _MIN_SIZE:
            raise RecipeError(f"network vgg19: size {size} is smaller than {_MIN_SIZE}")
        if head not in ("pooled", "dense"):
            raise RecipeError(f"network vgg19: head {head!r} is neither 'pooled' nor 'dense'")
        layers: list[nn.Module] = []
        previous = channels
        for number, (width, count) in enumerate(_STAGES):
            if number:
                layers.append(nn.MaxPool2d(2))
            for _ in range(count):
                layers.append(GrayConv2d(previous, width, 3, padding=1))
                layers += [nn.BatchNorm2d(width), nn.ReLU()] if normalise else [nn.ReLU()]
                previous = width
        self.convolutions = nn.Sequential(*layers)
        self.dropout = dropout
        dense = head == "dense"
        self.hidden = nn.ModuleList(
            [nn.Linear(previous * _SIDE**2, _HIDDEN), nn.Linear(_HIDDEN, _HIDDEN)] if dense else []
        )
        self.classifier = nn.Linear(_HIDDEN if dense else previous, num_classes)
        _initialise(self)

    def forward_with_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, num_classes) and the last convolution's map (N, 512, size/16, size/16) before its pool."""
        features = self.convolutions(images)
        pooled = functional.max_pool2d(features, 2)
        if not len(self.hidden):
            hidden = functional.dropout(pooled.mean(dim=(2, 3)), self.dropout, self.training)
            return self.classifier(hidden), features
        hidden = functional.adaptive_avg_pool2d(pooled, _SIDE).flatten(1)
        for layer in self.hidden:
            hidden = functional.dropout(functional.relu(layer(hidden)), self.dropout, self.training)
        return self.classifier(hidden), features


def _initialise(network: nn.Module) -> None:
    """Fill convolutions so that ReLU keeps their variance (K. He et al., arXiv:1502.01852)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None and not module.weight.is_meta:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)
