"""What every network of the registry promises, and how one is built by name.

Which networks there are, their training and their weights' files are not known here.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

Rate = Annotated[float, Field(ge=0.0, lt=1.0)]  # of a dropout


class ChestNetwork(nn.Module):
    """A classifier of chest radiographs.

    A subclass takes ``num_classes``, ``size``, ``channels`` and its own options, all by keyword, and implements
    `forward_with_features`. A network of ``channels`` 3 also takes one channel and treats it as three equal ones.

    Attributes:
        default_size, default_channels, default_classes: What the architecture was published with.
        weights: Name of the pretrained weights that can fill it, empty if there are none.
        stated_parameters: Its size with these defaults, where counting would need an optional package; else 0.
    """

    default_size: ClassVar[int] = 224
    default_channels: ClassVar[int] = 1
    default_classes: ClassVar[int] = 3
    weights: ClassVar[str] = ""
    stated_parameters: ClassVar[int] = 0

    def __init__(self, *, num_classes: int, size: int, channels: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.size = size
        self.channels = channels

    def forward_with_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return (logits, last spatial map) of one pass, connected in the autograd graph.

        Args:
            images: Float (N, channels, size, size), preprocessed.

        Returns:
            Logits (N, num_classes), and the map (N, C, h, w) that an explanation looks at.
        """
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, num_classes) of preprocessed images (N, channels, size, size)."""
        return self.forward_with_features(images)[0]

    def features(self, images: Tensor) -> Tensor:
        """Return the last spatial map (N, C, h, w) of preprocessed images (N, channels, size, size)."""
        return self.forward_with_features(images)[1]

    @property
    def num_parameters(self) -> int:
        """Number of trainable values."""
        return sum(parameter.numel() for parameter in self.parameters())


class GrayConv2d(nn.Conv2d):
    """A first convolution that, given one channel, acts as on that many equal channels.

    The kernel is summed over its input channels on the fly: the result and the gradients are those of replicated
    channels, at a third of the work.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution of (N, in_channels or 1, H, W)."""
        if input.shape[1] == 1 and self.in_channels > 1:
            weight = self.weight.sum(dim=1, keepdim=True)
            return functional.conv2d(input, weight, self.bias, self.stride, self.padding, self.dilation)
        return super().forward(input)


class BinaryLogits(nn.Linear):
    """A classifier whose two-class form has one output, as networks published with a sigmoid do.

    The one value is the first class's logit and the second class's is 0, so that softmax over both is the sigmoid
    and cross-entropy the binary one.
    """

    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__(in_features, 1 if num_classes == 2 else num_classes)

    def forward(self, input: Tensor) -> Tensor:
        """Return logits (N, classes) of (N, in_features)."""
        logits = super().forward(input)
        return torch.cat([logits, torch.zeros_like(logits)], dim=1) if self.out_features == 1 else logits


def initialise_as_keras(network: nn.Module) -> None:
    """Fill every convolution and dense layer as Keras does: Glorot uniform weights, zero biases.

    Uses torch's global generator, which the caller seeds.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
