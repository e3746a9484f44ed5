"""DenseNet121 and 201, ResNet50, SE-ResNet50 and EfficientNet-B0, whose convolutions MONAI (Apache-2.0) builds.

Each is its published convolutions, a global average and one dense layer. MONAI, the extra ``monai``, is imported when
one is built; the numbers of parameters are stated, so that listing the networks needs neither. No weights come with
them. Training is not known here.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import ClassVar

from torch import Tensor, nn

from covidcxr.core.errors import MissingExtraError, RecipeError
from covidcxr.models import MODELS
from covidcxr.models.network import ChestNetwork, Rate

_MIN_SIZE = 32
_EFFICIENTNET_B0 = (  # arXiv:1905.11946, Table 1: repeats, kernel, stride, expansion, inputs, outputs, squeeze
    "r1_k3_s11_e1_i32_o16_se0.25",
    "r2_k3_s22_e6_i16_o24_se0.25",
    "r2_k5_s22_e6_i24_o40_se0.25",
    "r3_k3_s22_e6_i40_o80_se0.25",
    "r3_k5_s11_e6_i80_o112_se0.25",
    "r4_k5_s22_e6_i112_o192_se0.25",
    "r1_k3_s11_e6_i192_o320_se0.25",
)


class MonaiNetwork(ChestNetwork):
    """A published backbone with a global average and a linear classifier.

    Args:
        num_classes: Outputs.
        size: Rows and columns of the input; at least 32.
        channels: Input channels; 3 as published.
        dropout: Before the classifier.

    Raises:
        MissingExtraError: If MONAI is not installed.
        RecipeError: If the size is too small for the layers.
    """

    width: ClassVar[int]

    def __init__(self, *, num_classes: int = 3, size: int = 224, channels: int = 1, dropout: Rate = 0.0) -> None:
        super().__init__(num_classes=num_classes, size=size, channels=channels)
        if size < _MIN_SIZE:
            raise RecipeError(f"network {type(self).__name__}: size {size} is smaller than {_MIN_SIZE}")
        self.backbone = self._backbone()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(self.width, num_classes)

    def forward_with_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, num_classes) and the backbone's map (N, width, about size/32, about size/32)."""
        features = self.backbone(images.expand(-1, self.channels, -1, -1))
        return self.classifier(self.dropout(features.mean(dim=(2, 3)))), features

    def _backbone(self) -> nn.Sequential:
        raise NotImplementedError


@MODELS.register("densenet121")
class DenseNet121(MonaiNetwork):
    """DenseNet of 121 layers (G. Huang et al., arXiv:1608.06993)."""

    width = 1024
    stated_parameters = 6_950_659
    layers: ClassVar[tuple[int, ...]] = (6, 12, 24, 16)

    def _backbone(self) -> nn.Sequential:
        network = _nets("densenet").DenseNet(2, self.channels, 1, block_config=self.layers)
        return nn.Sequential(*network.features.children(), nn.ReLU())


@MODELS.register("densenet201")
class DenseNet201(DenseNet121):
    """DenseNet of 201 layers (G. Huang et al., arXiv:1608.06993)."""

    width = 1920
    stated_parameters = 18_092_419
    layers = (6, 12, 48, 32)


@MODELS.register("resnet50")
class ResNet50(MonaiNetwork):
    """Residual network of 50 layers (K. He et al., arXiv:1512.03385), its strides in the 3x3 convolutions."""

    width = 2048
    stated_parameters = 23_507_907

    def _backbone(self) -> nn.Sequential:
        network = _nets("resnet").ResNet(
            "bottleneck",
            [3, 4, 6, 3],
            [64, 128, 256, 512],
            spatial_dims=2,
            n_input_channels=self.channels,
            conv1_t_stride=2,
            feed_forward=False,
            bias_downsample=False,
        )
        stages = [network.layer1, network.layer2, network.layer3, network.layer4]
        return nn.Sequential(network.conv1, network.bn1, network.act, network.maxpool, *stages)


@MODELS.register("se-resnet50")
class SeResNet50(MonaiNetwork):
    """ResNet50 with squeeze and excitation (J. Hu et al., arXiv:1709.01507)."""

    width = 2048
    stated_parameters = 26_038_899

    def _backbone(self) -> nn.Sequential:
        network = _nets("senet").SEResNet50(spatial_dims=2, in_channels=self.channels, num_classes=1)
        return nn.Sequential(network.layer0, network.layer1, network.layer2, network.layer3, network.layer4)


@MODELS.register("efficientnet-b0")
class EfficientNetB0(MonaiNetwork):
    """EfficientNet-B0 with squeeze and excitation, swish and stochastic depth (arXiv:1905.11946)."""

    width = 1280
    stated_parameters = 4_010_815

    def _backbone(self) -> nn.Sequential:
        network = _nets("efficientnet").EfficientNet(
            list(_EFFICIENTNET_B0), spatial_dims=2, in_channels=self.channels, num_classes=1, image_size=self.size
        )
        network.set_swish(memory_efficient=False)  # the other one is no graph that can be exported
        stem = [network._conv_stem_padding, network._conv_stem, network._bn0, network._swish]
        return nn.Sequential(*stem, network._blocks, network._conv_head, network._bn1, network._swish)


def _nets(name: str) -> ModuleType:
    try:
        return importlib.import_module(f"monai.networks.nets.{name}")
    except ImportError as error:
        raise MissingExtraError("monai", "monai", f"a network of the family {name}") from error
