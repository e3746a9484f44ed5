"""What TensorBoard shows of a training: loss, accuracy, rate, confusion by epoch, and batches as augmented.

Curves never decide over a training: what cannot be written is said once, and the training goes on without them.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.summary.writer.record_writer import RecordWriter
from torch import Tensor
from torch.utils.tensorboard.summary import image, scalar, text

logger = logging.getLogger(__name__)

_CELL = 48  # pixels of one cell of the confusion picture
_SHOWN = 16  # images of a sample batch


class Curves:
    """Writes the curves of one run; a run that goes on hides what an interrupted one wrote past its checkpoint.

    Each event is written at once and by this thread, unlike in torch's SummaryWriter, so that what fails fails here.
    """

    def __init__(self, folder: Path, *, classes: Sequence[str], step: int) -> None:
        self._classes, self._folder = tuple(classes), folder
        self._writer: RecordWriter | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            name = f"events.out.tfevents.{int(time.time()):010d}.{os.getpid()}.{time.monotonic_ns()}"
            self._writer = RecordWriter((folder / name).open("wb", buffering=0))
        except OSError as error:
            self._give_up(error)
        self._write(file_version="brain.Event:2")
        if step:
            self._write(step=step + 1, session_log=SessionLog(status=SessionLog.START))

    def step(self, step: int, *, loss: float, rate: float) -> None:
        """Log one optimiser step."""
        self.scalars({"step/loss": loss, "step/learning_rate": rate}, step)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Log named numbers."""
        for name, value in values.items():
            self._write(step=step, summary=scalar(name, value))  # type: ignore[no-untyped-call]

    def batch(self, images: Tensor, step: int) -> None:
        """Show the first images of a batch (N, 1, S, S) as the network sees them, each stretched to its own range."""
        shown = images[:_SHOWN].float().cpu()
        low, high = shown.amin((1, 2, 3), keepdim=True), shown.amax((1, 2, 3), keepdim=True)
        tiles = ((shown - low) / (high - low).clamp(min=1e-6)).squeeze(1)
        columns = min(8, len(tiles))
        tiles = tiles[: len(tiles) // columns * columns]
        picture = torch.cat([torch.cat(list(row), dim=1) for row in torch.split(tiles, columns)], dim=0)
        self._write(step=step, summary=image("batch as augmented", picture, dataformats="HW"))  # type: ignore[no-untyped-call]

    def epoch(
        self, step: int, metrics: Mapping[str, Mapping[str, float]], confusion: NDArray[np.int64], *, rate: float
    ) -> None:
        """Log an epoch's metrics (part name to metric name to value) and its validation confusion, at ``step``."""
        for part, values in metrics.items():
            self.scalars({f"{name}/{part}": value for name, value in values.items()}, step)
        self.scalars({"learning_rate": rate}, step)
        shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
        picture = (1.0 - np.kron(shares, np.ones((_CELL, _CELL)))).astype(np.float32)
        self._write(step=step, summary=image("confusion", picture, dataformats="HW"))  # type: ignore[no-untyped-call]
        self._write(step=step, summary=text("confusion", self._table(confusion)))  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()

    def _write(self, **event: Any) -> None:
        if self._writer is None:
            return
        try:
            self._writer.write(Event(wall_time=time.time(), **event).SerializeToString())
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.close()
        self._writer = None
        logger.warning("%s: the curves end here, the training goes on: %s", self._folder, error.strerror or error)

    def _table(self, confusion: NDArray[np.int64]) -> str:
        lines = ["| actual \\ predicted | " + " | ".join(self._classes) + " |", "|---" * (len(self._classes) + 1) + "|"]
        lines += [
            f"| {name} | " + " | ".join(str(count) for count in row) + " |"
            for name, row in zip(self._classes, confusion.tolist(), strict=True)
        ]
        return "\n".join(lines)
