"""Starting weights that a recipe names: pretrained ones, or a user's own file checked by its SHA-256.

``network.weights`` is ``imagenet`` (where the network has such weights), ``PATH#SHA256`` of a safetensors file or of a
bundle's folder, or ``https://...#SHA256`` of such a file, which is downloaded once.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from covidcxr.core.digests import file_sha256
from covidcxr.core.download import download
from covidcxr.core.errors import TrainingError
from covidcxr.core.recipe import Recipe
from covidcxr.models.build import build_network
from covidcxr.models.network import ChestNetwork
from covidcxr.training.loading import default_cache, step_seed

logger = logging.getLogger(__name__)

_CLASSIFIER = "classifier."


@runtime_checkable
class Pretrained(Protocol):
    """A network that knows where its pretrained weights are."""

    def pretrained_file(self) -> Path:
        """Return the file of the weights."""

    def load_pretrained(self) -> None:
        """Fill the network with its pretrained weights; the classifier stays as it is."""


def initial_network(recipe: Recipe, *, num_classes: int) -> ChestNetwork:
    """Return the recipe's network as its training begins: drawn from its seed, or with the weights it names."""
    torch.manual_seed(step_seed(recipe.training.seed, 0, 0, "initial weights"))
    network = build_network(
        recipe.network.name,
        num_classes=num_classes,
        preprocess=recipe.network.preprocess.spec(),
        options=recipe.network.options,
    )
    if recipe.network.weights:
        start_weights(network, recipe.network.weights)
    return network


def start_weights(network: ChestNetwork, weights: str) -> None:
    """Fill ``network`` with the weights that a recipe names.

    A classifier of another shape, or none, leaves the network's own as it is. A first convolution of three channels
    is summed for a network of one.

    Raises:
        TrainingError: If there are none of that name, the file's hash is another, or the shapes do not fit.
        SourceError: If they cannot be downloaded, or what arrives has another hash.
    """
    if weights == "imagenet":
        _pretrained(network).load_pretrained()
        return
    path = _checked_file(weights)
    state = _fitted(network, path)
    left_out = sorted(network.state_dict().keys() - state.keys())
    if left_out:
        logger.warning("%s: is without %s of this shape, which begin at random", path, " and ".join(left_out))
    network.load_state_dict(state, strict=False)


def check_weights(network: ChestNetwork, weights: str) -> None:
    """Raise what `start_weights` would raise; ``network`` may be on the device ``meta`` and is not changed."""
    if weights == "imagenet":
        _pretrained(network).pretrained_file()
    else:
        _fitted(network, _checked_file(weights))


def _pretrained(network: ChestNetwork) -> Pretrained:
    if not isinstance(network, Pretrained):
        raise TrainingError("network.weights 'imagenet': this network has no pretrained weights; leave weights empty")
    return network


def _checked_file(weights: str) -> Path:
    text, _, digest = weights.partition("#")
    if text.startswith(("https://", "http://")):
        path = _fetched(text, digest)
    else:
        path = Path(text) / "model.safetensors" if Path(text).is_dir() else Path(text)
    if not path.is_file():
        raise TrainingError(
            f"network.weights: no file {path}; expected 'imagenet', or PATH#SHA256 or URL#SHA256 of a safetensors file"
        )
    found = file_sha256(path)
    if digest != found:
        expected = f"expected {digest[:12]}..." if digest else "the recipe names none"
        raise TrainingError(
            f'{path}: SHA-256 is {found}, {expected}; write network.weights = "{text}#{found}" to trust it'
        )
    return path


def _fitted(network: ChestNetwork, path: Path) -> dict[str, Tensor]:
    """Return the tensors of ``path`` by name, in the shapes of ``network``, without a classifier of another shape."""
    try:
        found = load_file(path)
    except SafetensorError as error:
        raise TrainingError(
            f"{path}: is no safetensors file ({error}); write the weights with safetensors.torch.save_file"
        ) from error
    expected = {name: tensor.shape for name, tensor in network.state_dict().items()}
    state = {}
    for name, tensor in found.items():
        wanted = expected.get(name, torch.Size())
        if tensor.ndim == 4 and tensor.shape[1] == 3 and wanted[1:2] == (1,):
            state[name] = tensor.sum(dim=1, keepdim=True)
        else:
            state[name] = tensor
    wrong = {
        name for name in expected.keys() | state.keys() if name not in state or state[name].shape != expected.get(name)
    }
    for name in sorted(wrong):
        if not name.startswith(_CLASSIFIER):
            here = tuple(state[name].shape) if name in state else "missing"
            there = tuple(expected[name]) if name in expected else "none"
            raise TrainingError(
                f"{path}: does not fit the network: {name!r} is {here}, expected {there}; take the weights of the same "
                "network at the same size"
            )
    return {name: tensor for name, tensor in state.items() if name not in wrong}


def _fetched(url: str, digest: str) -> Path:
    if len(digest) != 64:
        raise TrainingError(
            f'network.weights: {url} without its SHA-256; write network.weights = "{url}#<64 hexadecimal digits>"'
        )
    return download(url, default_cache().parent / "weights" / f"{digest}.safetensors", sha256=digest)
