"""What TensorBoard shows of a training: loss, accuracy, rate, confusion by epoch, and batches as augmented."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

_CELL = 48  # pixels of one cell of the confusion picture
_SHOWN = 16  # images of a sample batch


class Curves:
    """Writes the curves of one run; a run that goes on hides what an interrupted one wrote past its checkpoint."""

    def __init__(self, folder: Path, *, classes: Sequence[str], step: int) -> None:
        self._classes = tuple(classes)
        self._writer = SummaryWriter(folder, purge_step=step if step else None)

    def step(self, step: int, *, loss: float, rate: float) -> None:
        """Log one optimiser step."""
        self._writer.add_scalar("step/loss", loss, step)
        self._writer.add_scalar("step/learning_rate", rate, step)

    def batch(self, images: Tensor, step: int) -> None:
        """Show the first images of a batch (N, 1, S, S) as the network sees them, each stretched to its own range."""
        shown = images[:_SHOWN].float().cpu()
        low, high = shown.amin((1, 2, 3), keepdim=True), shown.amax((1, 2, 3), keepdim=True)
        tiles = ((shown - low) / (high - low).clamp(min=1e-6)).squeeze(1)
        columns = min(8, len(tiles))
        tiles = tiles[: len(tiles) // columns * columns]
        picture = torch.cat([torch.cat(list(row), dim=1) for row in torch.split(tiles, columns)], dim=0)
        self._writer.add_image("batch as augmented", picture.unsqueeze(0), step)

    def epoch(
        self, step: int, metrics: Mapping[str, Mapping[str, float]], confusion: NDArray[np.int64], *, rate: float
    ) -> None:
        """Log an epoch's metrics (part name to metric name to value) and its validation confusion, at ``step``."""
        for part, values in metrics.items():
            for name, value in values.items():
                self._writer.add_scalar(f"{name}/{part}", value, step)
        self._writer.add_scalar("learning_rate", rate, step)
        shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
        picture = 1.0 - np.kron(shares, np.ones((_CELL, _CELL)))
        self._writer.add_image("confusion", picture[np.newaxis].astype(np.float32), step)
        self._writer.add_text("confusion", self._table(confusion), step)
        self._writer.flush()

    def close(self) -> None:
        """Write out what is pending."""
        self._writer.close()

    def _table(self, confusion: NDArray[np.int64]) -> str:
        lines = ["| actual \\ predicted | " + " | ".join(self._classes) + " |", "|---" * (len(self._classes) + 1) + "|"]
        lines += [
            f"| {name} | " + " | ".join(str(count) for count in row) + " |"
            for name, row in zip(self._classes, confusion.tolist(), strict=True)
        ]
        return "\n".join(lines)
