"""MobileNetV2 (M. Sandler et al., arXiv:1801.04381), one of the backbones that COVIDX-Net compares.

Its blocks are those of EfficientNet-Lite without the larger kernels. How it is trained is not known here.
"""

from __future__ import annotations

from torch import Tensor, nn

from covidcxr.models import MODELS
from covidcxr.models.efficientnet_lite import ConvNorm, InvertedBottleneck
from covidcxr.models.network import ChestNetwork, Rate

# (expansion, output channels, repeats, stride), Table 2
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
_STEM, _HEAD = 32, 1280


@MODELS.register("mobilenet-v2")
class MobileNetV2(ChestNetwork):
    """Inverted bottlenecks with ReLU6: 3,504,872 parameters at 1000 classes and three channels.

    Args:
        num_classes: Outputs.
        size: Rows and columns of the input.
        channels: Input channels; 3 as published.
        dropout: Before the classifier.
    """

    def __init__(self, *, num_classes: int = 3, size: int = 224, channels: int = 1, dropout: Rate = 0.2) -> None:
        super().__init__(num_classes=num_classes, size=size, channels=channels)
        layers: list[nn.Module] = [ConvNorm(channels, _STEM, 3, stride=2, activate=True)]
        previous = _STEM
        for expansion, outputs, repeats, stride in _STAGES:
            for repeat in range(repeats):
                first = stride if repeat == 0 else 1
                layers.append(InvertedBottleneck(previous, outputs, kernel=3, stride=first, expansion=expansion))
                previous = outputs
        layers.append(ConvNorm(previous, _HEAD, 1, activate=True))
        self.convolutions = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(_HEAD, num_classes)

    def forward_with_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, num_classes) and the head's map (N, 1280, size/32, size/32)."""
        features = self.convolutions(images.expand(-1, self.channels, -1, -1))
        return self.classifier(self.dropout(features.mean(dim=(2, 3)))), features
