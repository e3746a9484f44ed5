"""Runs a bundle's weights with PyTorch, on CUDA, MPS or the CPU."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import BundleError
from covidcxr.inference.backends import BACKENDS
from covidcxr.inference.backends.backend import Backend, Precision
from covidcxr.inference.backends.lanes import Lanes
from covidcxr.models.bundle import Bundle
from covidcxr.models.devices import choose_device

_CALL = 8  # images; eager torch spends as long on the calls of one


@BACKENDS.register("torch")
class TorchBackend(Backend):
    """Eager PyTorch in channels-last order, without gradients; ``bf16`` runs under autocast."""

    name: ClassVar[str] = "torch"

    def __init__(self, bundle: Bundle, *, device: str, precision: Precision) -> None:
        import torch

        if precision == "int8":
            raise BundleError("backend torch runs no int8; use --backend openvino")
        self._torch = torch
        self._device = torch.device(choose_device(device))
        self._is_half = precision == "bf16"
        self._network = bundle.network().to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.device = f"{self._device.type} ({precision}, torch {torch.__version__})"
        self._lanes: Lanes | None = None
        if self._device.type == "cpu":
            num_threads = torch.get_num_threads()
            self._lanes = Lanes(self._run, size=_CALL, begin=lambda: torch.set_num_threads(1))
            torch.set_num_threads(num_threads)  # for every other thread, which the lanes' own changed, too

    @staticmethod
    def suits(bundle: Bundle, device: str) -> bool:
        """Every bundle has weights, and torch runs everywhere."""
        return True

    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (N, classes) logits."""
        return self._run(images) if self._lanes is None else self._lanes.logits(images)

    def _run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        torch = self._torch
        with torch.inference_mode(), torch.autocast(self._device.type, torch.bfloat16, enabled=self._is_half):
            batch = torch.from_numpy(images).to(self._device, memory_format=torch.channels_last)
            logits: NDArray[np.float32] = self._network(batch).float().cpu().numpy()
        return logits
