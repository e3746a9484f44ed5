"""Starting weights that a recipe names: pretrained ones, or a user's own file checked by its SHA-256.

``network.weights`` is ``imagenet`` (where the network has such weights), ``PATH#SHA256`` of a safetensors file or of a
bundle's folder, or ``https://...#SHA256`` of such a file, which is downloaded once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from covidcxr.core.digests import file_sha256
from covidcxr.core.errors import TrainingError
from covidcxr.core.recipe import Recipe
from covidcxr.models.network import ChestNetwork, build_network
from covidcxr.sources.download import download
from covidcxr.training.loading import default_cache, step_seed


@runtime_checkable
class Pretrained(Protocol):
    """A network that knows where its pretrained weights are."""

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

    Raises:
        TrainingError: If there are none of that name, the file's hash is another, or the shapes do not fit.
        SourceError: If they cannot be downloaded, or what arrives has another hash.
    """
    if weights == "imagenet":
        if not isinstance(network, Pretrained):
            raise TrainingError(
                "network.weights 'imagenet': this network has no pretrained weights; leave weights empty"
            )
        network.load_pretrained()
        return
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
    try:
        network.load_state_dict(load_file(path))
    except (RuntimeError, SafetensorError) as error:
        raise TrainingError(f"{path}: does not fit the network: {error}") from error


def _fetched(url: str, digest: str) -> Path:
    if len(digest) != 64:
        raise TrainingError(
            f'network.weights: {url} without its SHA-256; write network.weights = "{url}#<64 hexadecimal digits>"'
        )
    return download(url, default_cache().parent / "weights" / f"{digest}.safetensors", sha256=digest)
