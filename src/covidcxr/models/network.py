"""What every network of the registry promises, and how one is built by name.

Which networks there are, their training and their weights' files are not known here.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, get_type_hints

import torch
from pydantic import Field, TypeAdapter, ValidationError
from torch import Tensor, nn
from torch.nn import functional

from covidcxr.core.errors import RecipeError
from covidcxr.core.types import PreprocessSpec
from covidcxr.models import MODELS

Rate = Annotated[float, Field(ge=0.0, lt=1.0)]  # of a dropout
_ELSEWHERE = {
    "num_classes": "dataset.classes",
    "size": "network.preprocess.size",
    "channels": "network.preprocess.channels",
}


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


def build_network(
    name: str, *, num_classes: int, preprocess: PreprocessSpec, options: Mapping[str, Any]
) -> ChestNetwork:
    """Return the network ``name`` of the registry, or ``timm:NAME``, freshly initialised.

    Raises:
        RegistryError: If there is no such network.
        RecipeError: If it does not take one of the options, or not this size or number of channels.
        MissingExtraError: If it needs an optional package that is not installed.
    """
    arguments = {**options, "num_classes": num_classes, "size": preprocess.size, "channels": preprocess.channels}
    if name.startswith("timm:"):
        from covidcxr.models.timm_network import PREFIX, TimmNetwork

        return TimmNetwork(**{**arguments, "architecture": name.removeprefix(PREFIX)})
    network_class = MODELS.get(name)
    _check_options(name, network_class, options)
    return network_class(**arguments)


def network_options(network_class: type[ChestNetwork]) -> list[str]:
    """Return the names of the options that a network takes in ``network.options``."""
    return [name for name in inspect.signature(network_class).parameters if name not in _ELSEWHERE]


def _check_options(name: str, network_class: type[ChestNetwork], options: Mapping[str, Any]) -> None:
    """Raise RecipeError where an option is unknown, or is not of the type that the constructor says."""
    known = network_options(network_class)
    hints = get_type_hints(network_class.__init__, include_extras=True)
    for option, value in options.items():
        if option in _ELSEWHERE:
            raise RecipeError(f"network.options.{option}: is not set here; it follows from {_ELSEWHERE[option]}")
        if option not in known:
            near = difflib.get_close_matches(option, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f" (known: {', '.join(known) or 'none'})"
            raise RecipeError(f"network {name!r} does not take the option {option!r}{hint}")
        try:
            TypeAdapter(hints[option]).validate_python(value)
        except ValidationError as error:
            fault = error.errors()[0]
            place = ".".join(map(str, ("network.options", option, *fault["loc"])))
            raise RecipeError(f"{place}: {fault['msg']}, found {fault['input']!r}") from None


def network_with_weights(
    state: Mapping[str, Tensor],
    name: str,
    *,
    num_classes: int,
    preprocess: PreprocessSpec,
    options: Mapping[str, Any],
) -> ChestNetwork:
    """Return the network ``name`` holding the tensors of ``state``, in evaluation mode; no random one is drawn first.

    Raises:
        RegistryError, RecipeError, MissingExtraError: As `build_network`.
        RuntimeError: If ``state`` does not fit.
    """
    with torch.device("meta"):
        network = build_network(name, num_classes=num_classes, preprocess=preprocess, options=options)
    network.load_state_dict(state, assign=True)
    return network.requires_grad_(False).eval()


def count_parameters(name: str) -> int:
    """Return the number of parameters of a network as published, without filling any memory."""
    network_class = MODELS.get(name)
    if network_class.stated_parameters:
        return network_class.stated_parameters
    with torch.device("meta"):
        network = network_class(
            num_classes=network_class.default_classes,
            size=network_class.default_size,
            channels=network_class.default_channels,
        )
    return network.num_parameters


def initialise_as_keras(network: nn.Module) -> None:
    """Fill every convolution and dense layer as Keras does: Glorot uniform weights, zero biases.

    Uses torch's global generator, which the caller seeds.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
