"""The network of a bundle as audits see it; what it was trained on is not known here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from covidcxr.audit.context import Images
from covidcxr.imaging.preprocess import finish
from covidcxr.metrics.checks import FloatArray
from covidcxr.metrics.probabilities import softmax
from covidcxr.models.devices import choose_device

if TYPE_CHECKING:
    from torch import Tensor

    from covidcxr.models.bundle import Bundle

_BATCH = 64


class BundleJudge:
    """A `covidcxr.audit.context.Judge` that runs a bundle's network.

    It computes in bfloat16 where the hardware does: the ranks that audits look at hardly change, and an audit asks for
    many passes. The outputs of the first set of images (the unaltered ones) are kept.

    Args:
        bundle: The bundle.
        device: As torch names it, or ``auto`` for the fastest there is.

    Raises:
        BundleError: If there is no such device here.
    """

    def __init__(self, bundle: Bundle, *, device: str = "auto") -> None:
        import torch

        from covidcxr.models.devices import has_fast_bfloat16

        self._device = torch.device(choose_device(device))
        network = bundle.network().to(self._device)
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._spec = bundle.info.preprocess.spec()
        self._temperature = bundle.info.temperature
        self._bfloat16 = has_fast_bfloat16(self._device.type)
        self._first: tuple[Images, FloatArray, FloatArray] | None = None

    @property
    def device(self) -> str:
        """Where the network runs, and in which precision."""
        return f"{self._device}, {'bfloat16' if self._bfloat16 else 'float32'}"

    def probabilities(self, images: Images) -> FloatArray:
        """Return calibrated probabilities (N, C) of squeezed images, uint8 (N, S, S)."""
        return softmax(self._outputs(images)[0] / self._temperature)

    def features(self, images: Images) -> FloatArray:
        """Return the mean and the maximum of each channel of the network's last map, (N, 2 x channels)."""
        return self._outputs(images)[1]

    def _outputs(self, images: Images) -> tuple[FloatArray, FloatArray]:
        if self._first is not None and self._first[0] is images:
            return self._first[1:]
        outputs = [self._run(images[start : start + _BATCH]) for start in range(0, len(images), _BATCH)]
        logits = np.concatenate([part[0] for part in outputs])
        features = np.concatenate([part[1] for part in outputs])
        self._first = self._first or (images, logits, features)
        return logits, features

    def _run(self, part: Images) -> tuple[FloatArray, FloatArray]:
        import torch

        scaled = part.astype(np.float32) * np.float32(1 / 255)
        # One channel is enough: a network of three takes it as three equal ones, at less work.
        inputs = np.stack([finish(image, self._spec)[:1] for image in scaled])
        with torch.inference_mode(), torch.autocast(self._device.type, torch.bfloat16, enabled=self._bfloat16):
            tensor = torch.from_numpy(inputs).to(self._device, memory_format=torch.channels_last)
            logits, maps = self._network.forward_with_features(tensor)
            pooled = torch.cat([maps.float().mean(dim=(2, 3)), maps.float().amax(dim=(2, 3))], dim=1)
        return _numpy(logits), _numpy(pooled)


def _numpy(tensor: Tensor) -> FloatArray:
    return tensor.float().cpu().numpy().astype(np.float64)
