"""Build a network by name, check its options, count its parameters.

What every network promises is in `covidcxr.models.network`.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from typing import Any, get_type_hints

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from covidcxr.core.errors import RecipeError
from covidcxr.core.types import PreprocessSpec
from covidcxr.models import MODELS
from covidcxr.models.network import ChestNetwork

_ELSEWHERE = {
    "num_classes": "dataset.classes",
    "size": "network.preprocess.size",
    "channels": "network.preprocess.channels",
}


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
        RuntimeError: If ``state`` does not fit or is of another type.
    """
    with torch.device("meta"):
        network = build_network(name, num_classes=num_classes, preprocess=preprocess, options=options)
    for name_of_tensor, expected in network.state_dict().items():
        tensor = state.get(name_of_tensor)
        if tensor is not None and tensor.dtype != expected.dtype:
            raise RuntimeError(f"{name_of_tensor} holds {tensor.dtype}; expected {expected.dtype}")
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
