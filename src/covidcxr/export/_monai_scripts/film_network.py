"""The exported graph as a torch module, so that MONAI's tools can call and check it."""

from __future__ import annotations

import os

import numpy as np
import torch

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read on import
import onnxruntime


class FilmNetwork(torch.nn.Module):
    """Float32 images (N, 1, H, W) in [0, 1], bone bright, to probabilities (N, classes); runs on the CPU."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def forward(self, films: torch.Tensor) -> torch.Tensor:
        """Return the calibrated probabilities."""
        values = np.ascontiguousarray(films.detach().cpu().numpy(), dtype=np.float32)
        return torch.from_numpy(self.session.run(["probabilities"], {"film": values})[0])
