"""The network of a bundle as audits see it; what it was trained on is not known here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from covidcxr.audit.context import Images
from covidcxr.imaging.preprocess import finish
from covidcxr.metrics.checks import FloatArray
from covidcxr.metrics.probabilities import softmax

if TYPE_CHECKING:
    from torch import Tensor

    from covidcxr.models.bundle import Bundle

_BATCH = 64


class BundleJudge:
    """A `covidcxr.audit.context.Judge` that runs a bundle's network.

    Args:
        bundle: The bundle.
        device: As torch names it, or ``auto`` for CUDA where there is one.
    """

    def __init__(self, bundle: Bundle, *, device: str = "auto") -> None:
        import torch

        chosen = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self._device = torch.device(chosen)
        self._network = bundle.network().to(self._device)
        self._spec = bundle.info.preprocess.spec()
        self._temperature = bundle.info.temperature

    @property
    def device(self) -> str:
        """Where the network runs."""
        return str(self._device)

    def probabilities(self, images: Images) -> FloatArray:
        """Return calibrated probabilities (N, C) of squeezed images, uint8 (N, S, S)."""
        return softmax(np.concatenate([self._run(part)[0] for part in _parts(images)]) / self._temperature)

    def features(self, images: Images) -> FloatArray:
        """Return the mean and the maximum of each channel of the network's last map, (N, 2 x channels)."""
        return np.concatenate([self._run(part)[1] for part in _parts(images)])

    def _run(self, part: Images) -> tuple[FloatArray, FloatArray]:
        import torch

        scaled = part.astype(np.float32) * np.float32(1 / 255)
        inputs = np.stack([finish(image, self._spec) for image in scaled])
        with torch.inference_mode():
            tensor = torch.from_numpy(inputs).to(self._device, memory_format=torch.channels_last)
            logits, maps = self._network.forward_with_features(tensor)
            pooled = torch.cat([maps.float().mean(dim=(2, 3)), maps.float().amax(dim=(2, 3))], dim=1)
        return _numpy(logits), _numpy(pooled)


def _parts(images: Images) -> list[Images]:
    return [images[start : start + _BATCH] for start in range(0, len(images), _BATCH)]


def _numpy(tensor: Tensor) -> FloatArray:
    return tensor.float().cpu().numpy().astype(np.float64)
