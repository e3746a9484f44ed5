"""A small fully convolutional network that points at marks drawn over the chest, and how it is trained.

It learns from marks that `covidcxr.shipped.marks.drawing` draws on clean images; no annotated image is needed. It is
exported to ONNX, so that `covidcxr.imaging.screening.drawn_marks` runs it without torch.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from covidcxr.core.artefacts import write_bytes
from covidcxr.core.progress import SILENT, Progress
from covidcxr.imaging import screening
from covidcxr.shipped.marks.drawing import draw_beside_chest, draw_on_chest
from covidcxr.shipped.small_onnx import export_onnx

WEIGHTS = Path(screening.__file__).with_name("drawn_marks.onnx")

SIZE = 224  # pixels of the squeezed image
GRID = 28  # cells of the answer
_CLEAN_SHARE = 0.45
_POSITIVE_WEIGHT = 3.0


class MarksNetwork(nn.Module):
    """(N, 1, SIZE, SIZE) in [0, 1] to logits (N, 1, GRID, GRID): is this cell part of a drawn mark?"""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Sequential(
            *_layer(1, 12, kernel=5, stride=2),
            *_layer(12, 24, stride=2),
            *_layer(24, 24),
            *_layer(24, 40, stride=2),
            *_layer(40, 40),
        )
        self.judge = nn.Sequential(*_layer(42, 40, dilation=2), nn.Conv2d(40, 1, 1))
        along = torch.linspace(-1, 1, GRID)
        place = torch.stack(torch.meshgrid(along, along, indexing="ij"))[None]
        self.register_buffer("place", place)
        self.place: Tensor

    def forward(self, films: Tensor) -> Tensor:
        """Return the logits of every cell."""
        seen = self.look(films - 0.5)
        logits: Tensor = self.judge(torch.cat([seen, self.place.expand(seen.shape[0], -1, -1, -1)], dim=1))
        return logits


def train_marks_network(
    films: NDArray[np.uint8], *, seed: int, steps: int, batch_size: int = 24, progress: Progress = SILENT
) -> MarksNetwork:
    """Return a network trained on clean ``films`` (N, SIZE, SIZE), marks drawn on about half of each batch."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = MarksNetwork()
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps, pct_start=0.15)
    weight = torch.tensor(_POSITIVE_WEIGHT)
    for _ in progress.track(range(steps), total=steps, label="marks network"):
        pixels, targets = _batch(films, rng, batch_size)
        logits = network(pixels)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weight)
        whole = torch.amax(logits, dim=(1, 2, 3))
        loss = loss + 0.1 * nn.functional.binary_cross_entropy_with_logits(whole, torch.amax(targets, dim=(1, 2, 3)))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        progress.status(f"loss {loss.item():.4f}")
    return network.eval()


def _batch(films: NDArray[np.uint8], rng: np.random.Generator, size: int) -> tuple[Tensor, Tensor]:
    pixels, targets = np.empty((size, 1, SIZE, SIZE), np.float32), np.zeros((size, 1, GRID, GRID), np.float32)
    for row in range(size):
        film = _vary(films[int(rng.integers(len(films)))], rng)
        if rng.random() < 0.5:
            film = draw_beside_chest(film, rng)
        if rng.random() > _CLEAN_SHARE:
            film, mask = draw_on_chest(film, rng)
            side = SIZE // GRID
            covered = (mask > 127).reshape(GRID, side, GRID, side).sum(axis=(1, 3))
            targets[row, 0] = covered >= 3
        if rng.random() < 0.3:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 90))]
            film = np.asarray(cv2.imdecode(cv2.imencode(".jpg", film, quality)[1], cv2.IMREAD_GRAYSCALE), np.uint8)
        pixels[row, 0] = film / np.float32(255)
    return torch.from_numpy(pixels), torch.from_numpy(targets)


def _vary(film: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    if rng.random() < 0.5:
        film = film[:, ::-1]
    top, left, bottom, right = (int(rng.integers(0, SIZE // 12)) for _ in range(4))
    part = np.ascontiguousarray(film[top : SIZE - bottom, left : SIZE - right])
    gray = cv2.resize(part, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR).astype(np.float32) / np.float32(255)
    varied = gray ** np.float32(rng.uniform(0.6, 1.6))
    if rng.random() < 0.3:
        varied = np.asarray(cv2.GaussianBlur(varied, (0, 0), float(rng.uniform(0.4, 1.0))), np.float32)
    levels: NDArray[np.uint8] = np.rint(255 * np.clip(varied, 0, 1)).astype(np.uint8)
    return levels


def _layer(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, dilation: int = 1) -> tuple[nn.Module, ...]:
    padding = dilation * (kernel // 2)
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)


def store(network: nn.Module, path: Path = WEIGHTS) -> bytes:
    """Write a network in the place of the one that ships with covidcxr, and return its ONNX bytes."""
    data = export_onnx(network, torch.zeros(2, 1, SIZE, SIZE), inputs="film", outputs=["marks"])
    write_bytes(path, data)
    return data
