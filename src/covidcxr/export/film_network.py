"""A network with its preprocessing and calibration inside: images of any size in, probabilities out.

The arithmetic of `covidcxr.imaging.preprocess` again, as tensor operations that an exported graph can hold. Squeezing
is linear, so it is two matrices, built from the image's size: area averaging where a side shrinks, interpolation where
it grows. Histogram equalisation cannot be written so, and is refused.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from covidcxr.core.errors import BundleError
from covidcxr.core.types import PreprocessSpec
from covidcxr.models.bundle import Bundle

_MEAN, _DEVIATION = 0.5, 0.25  # PreprocessSpec.intensity "standardize"
_FLAT = 1e-6
IN_GRAPH = ("none", "standardize")
_ALONE = "export the network alone: --to onnx (or openvino) --input preprocessed"


class FilmNetwork(nn.Module):
    """Takes float32 (N, 1, H, W) images in [0, 1], bone bright; returns probabilities and logits, both (N, classes)."""

    def __init__(self, network: nn.Module, spec: PreprocessSpec, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.spec = spec
        self.temperature = temperature

    @classmethod
    def of(cls, bundle: Bundle) -> FilmNetwork:
        """Return the whole of a bundle as one module.

        Raises:
            BundleError: If its region or intensity mode cannot be part of a graph.
        """
        spec = bundle.info.preprocess.spec()
        if spec.region != "film":
            raise BundleError(
                f"{bundle.folder}: region {spec.region!r} needs the lung network before the graph; {_ALONE}"
            )
        if spec.intensity not in IN_GRAPH:
            raise BundleError(
                f"{bundle.folder}: intensity {spec.intensity!r} cannot be computed inside a graph; {_ALONE}"
            )
        return cls(bundle.network(), spec, bundle.info.temperature).eval()

    def forward(self, film: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities and logits."""
        rows = squeeze_matrix(film[0, 0, :, 0], self.spec)
        columns = squeeze_matrix(film[0, 0, 0, :], self.spec)
        squeezed = (rows @ film @ columns.transpose(0, 1)).clamp(0.0, 1.0)
        if self.spec.intensity == "standardize":
            squeezed = _standardize(squeezed)
        logits = self.network((squeezed - self.spec.mean) / self.spec.std)
        return torch.softmax(logits / self.temperature, dim=1), logits


class PreparedNetwork(nn.Module):
    """Takes float32 (N, 1, S, S) preprocessed images; returns probabilities and logits, both (N, classes)."""

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities and logits."""
        logits = self.network(images)
        return torch.softmax(logits / self.temperature, dim=1), logits


def squeeze_matrix(side: Tensor, spec: PreprocessSpec) -> Tensor:
    """Return the (size, L) matrix that crops a side of L pixels and brings it to ``spec.size``.

    Only the length of ``side`` is used; a tensor, because the length of an exported graph's input is not a number yet.
    """
    ones = torch.ones_like(side, dtype=torch.float32)
    pixel = torch.cumsum(ones, dim=0) - 1.0
    length = ones.sum()
    kept = torch.clamp(torch.round(length * spec.crop), min=1.0)
    first = torch.floor((length - kept) / 2.0)
    step = kept / spec.size
    cell = torch.arange(spec.size, dtype=torch.float32, device=side.device)[:, None]
    low = first + cell * step
    overlap = torch.minimum(low + step, pixel + 1.0) - torch.maximum(low, pixel)
    area = torch.clamp(overlap, min=0.0) / step
    centre = first + torch.minimum(torch.clamp((cell + 0.5) * step - 0.5, min=0.0), kept - 1.0)
    linear = torch.clamp(1.0 - torch.abs(centre - pixel), min=0.0)
    return torch.where(kept >= spec.size, area, linear)


def _standardize(films: Tensor) -> Tensor:
    mean = films.mean(dim=(1, 2, 3), keepdim=True)
    deviation = ((films - mean) ** 2).mean(dim=(1, 2, 3), keepdim=True).sqrt()
    scaled = (films - mean) * (_DEVIATION / torch.clamp(deviation, min=_FLAT)) + _MEAN
    return torch.where(deviation < _FLAT, torch.full_like(films, _MEAN), scaled.clamp(0.0, 1.0))
