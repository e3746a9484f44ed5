"""Runs a bundle's weights with PyTorch, on CUDA, MPS or the CPU."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import BundleError
from covidcxr.inference.backends import BACKENDS
from covidcxr.inference.backends.backend import Backend, Precision
from covidcxr.models.bundle import Bundle


@BACKENDS.register("torch")
class TorchBackend(Backend):
    """Eager PyTorch in channels-last order, without gradients; ``bf16`` runs under autocast."""

    name: ClassVar[str] = "torch"

    def __init__(self, bundle: Bundle, *, device: str, precision: Precision) -> None:
        import torch

        self._torch = torch
        self._device = torch.device(_choose(device))
        self._is_half = precision == "bf16"
        self._network = bundle.network().to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.device = f"{self._device.type} ({precision}, torch {torch.__version__})"

    @staticmethod
    def suits(bundle: Bundle, device: str) -> bool:
        """Every bundle has weights, and torch runs everywhere."""
        return True

    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (N, classes) logits."""
        torch = self._torch
        with torch.inference_mode(), torch.autocast(self._device.type, torch.bfloat16, enabled=self._is_half):
            batch = torch.from_numpy(images).to(self._device, memory_format=torch.channels_last)
            found: NDArray[np.float32] = self._network(batch).float().cpu().numpy()
        return found


def _choose(device: str) -> str:
    import torch

    if device != "auto":
        is_there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        if not is_there.get(device.partition(":")[0], False):
            known = ", ".join(name for name, found in is_there.items() if found)
            raise BundleError(f"device {device!r} is not available here (available: {known}); use --device auto")
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
