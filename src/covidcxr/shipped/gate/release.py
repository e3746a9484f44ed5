"""Training of the gate network, what frontal images look like to it, and its release with measured figures."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from covidcxr.core.artefacts import atomic_directory, check_place
from covidcxr.core.digests import bytes_sha256
from covidcxr.core.errors import TrainingError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.imaging.gate.kinds import KINDS, standardise_picture
from covidcxr.shipped.gate.data import GateFilm, GatePool, gather_gate_films, split_gate_films
from covidcxr.shipped.small_onnx import export_onnx
from covidcxr.sources import SOURCES

_WIDTHS = (16, 32, 64, 96)
_WHITE_DIRECTIONS = 16
_QUANTILE = 0.99  # of held-out frontal images: the distance that counts as 1
_SMOOTHING = 0.02


class GateNetwork(nn.Module):
    """A small convolutional classifier of pictures; gives its features too, for the distance from known images."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.PixelUnshuffle(2), _block(4, _WIDTHS[0], 1)]
        previous = _WIDTHS[0]
        for width in _WIDTHS[1:]:
            layers += [_block(previous, width, 2), _block(width, width, 1)]
            previous = width
        self.body = nn.Sequential(*layers)
        self.kinds = nn.Linear(previous * 2, len(KINDS))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, 10) and features (N, 192) of standardised pictures (N, 1, S, S)."""
        maps = self.body(pictures)
        # The mean of each quarter's rows tells up from down, which a mean over everything would lose.
        halves = functional.adaptive_avg_pool2d(maps, (2, 1)).flatten(1)
        return self.kinds(halves), halves


@dataclass(frozen=True, kw_only=True)
class GateTraining:
    """How the gate network is trained: pictures seen in all, batch, peak rate (cosine), averaging, input, seed."""

    pictures: int = 96000
    batch_size: int = 32
    rate: float = 3e-3
    average: float = 0.995
    size: int = 96
    seed: int = 7


def fit_gate(pool: GatePool, settings: GateTraining = GateTraining(), *, progress: Progress = SILENT) -> GateNetwork:
    """Return a network trained on random examples of ``pool``, in evaluation mode, with averaged weights."""
    torch.manual_seed(settings.seed)
    generator = np.random.default_rng(settings.seed)
    network = GateNetwork()
    averaged = torch.optim.swa_utils.AveragedModel(
        network,
        multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(settings.average),  # type: ignore[no-untyped-call]
        use_buffers=True,
    )
    steps = max(1, settings.pictures // settings.batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.rate, total_steps=steps + 1, pct_start=0.1)
    loss_mean = math.nan
    with ThreadPoolExecutor(1) as drawer:  # one thread, so that the pictures follow from the seed
        next_batch = drawer.submit(_batch, pool, settings, generator)
        for _ in progress.track(range(steps), total=steps, label="gate"):
            pictures, kinds = next_batch.result()
            next_batch = drawer.submit(_batch, pool, settings, generator)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits, _ = network(pictures)
            loss = functional.cross_entropy(logits.float(), kinds, label_smoothing=_SMOOTHING)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 2.0)
            optimizer.step()
            schedule.step()
            averaged.update_parameters(network)
            loss_mean = loss.item() if math.isnan(loss_mean) else 0.98 * loss_mean + 0.02 * loss.item()
            progress.status(f"loss {loss_mean:.3f}")
    trained = averaged.module
    if not isinstance(trained, GateNetwork):
        raise TypeError(f"averaging returned {type(trained).__name__}")
    return trained.eval()


@torch.no_grad()
def gate_answers(
    network: GateNetwork, pictures: Sequence[NDArray[np.float32] | NDArray[np.uint8]], size: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return probabilities (N, 10) and features (N, F) of gray pictures."""
    stack = np.stack([standardise_picture(picture, size) for picture in pictures])[:, None]
    outputs = [network(torch.from_numpy(stack[start : start + 64])) for start in range(0, len(stack), 64)]
    logits = torch.cat([logits for logits, _ in outputs])
    return logits.softmax(dim=1).numpy(), torch.cat([features for _, features in outputs]).numpy()


def describe_frontal(features: NDArray[np.float32], held: NDArray[np.float32]) -> dict[str, Any]:
    """Return mean, whitening (F, 16) and limit of frontal images' features (N, F), calibrated on held-out ones."""
    mean = features.mean(axis=0)
    _, values, directions = np.linalg.svd(features - mean, full_matrices=False)
    kept = min(_WHITE_DIRECTIONS, len(values))
    deviations = np.maximum(values[:kept] / math.sqrt(max(1, len(features) - 1)), 1e-6)
    whiten = directions[:kept].T / deviations
    distances = np.sqrt(np.square((held - mean) @ whiten).sum(axis=1))
    return {
        "mean": [round(float(value), 6) for value in mean],
        "whiten": [[round(float(value), 6) for value in row] for row in whiten],
        "limit": round(float(np.quantile(distances, _QUANTILE)), 4),
    }


def release_gate(
    root: Path,
    out: Path,
    settings: GateTraining = GateTraining(),
    *,
    children: int = 1200,
    leave_out: str = "",
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Train the gate network on the public sources below ``root``; write gate.onnx, gate.json and CARD.md to ``out``.

    ``leave_out`` is a source whose images it does not see at all, so that what it makes of them can be measured.

    Returns:
        What ``gate.json`` says.

    Raises:
        TrainingError: If there is no lateral image or CT slice among the sources, or no source ``leave_out``.
        OutputError: If ``out`` cannot be written, or holds something else.
    """
    check_place(out, "gate.json", "gate")
    if leave_out and leave_out not in SOURCES:
        raise TrainingError(f"no source {leave_out!r} that could be left out; known: {', '.join(SOURCES.names())}")
    films = gather_gate_films(root, children=children, generator=np.random.default_rng(2020), progress=progress)
    train, held = split_gate_films([film for film in films if film.source != leave_out])
    network = fit_gate(GatePool.of(train), settings, progress=progress)
    frontal = [film.pixels for film in train if film.kind == "frontal"]
    _, features = gate_answers(network, frontal, settings.size)
    _, held_features = gate_answers(network, [film.pixels for film in held if film.kind == "frontal"], settings.size)
    weights = export_onnx(
        network, torch.zeros(2, 1, settings.size, settings.size), inputs="pictures", outputs=("kinds", "features")
    )
    facts = {
        "input_size": settings.size,
        "sha256": bytes_sha256(weights),
        "bytes": len(weights),
        "settings": asdict(settings),
        "left_out": leave_out,
        "training": dict(sorted(Counter(f"{film.source}/{film.kind}" for film in train).items())),
        "held_out": measure_kinds(network, held, settings.size),
        "frontal_features": describe_frontal(features, held_features),
    }
    with atomic_directory(out) as partial:
        (partial / "gate.onnx").write_bytes(weights)
        (partial / "gate.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
        (partial / "CARD.md").write_text(_card(facts), encoding="utf-8")
    return facts


def measure_kinds(network: GateNetwork, held: Sequence[GateFilm], size: int) -> dict[str, list[int]]:
    """Return, for each kind of held-out image, how many were told rightly, and of how many."""
    frontal = [film.pixels for film in held if film.kind == "frontal"]
    pictures: dict[str, list[NDArray[np.uint8]]] = {
        "frontal": frontal,
        "lateral": [film.pixels for film in held if film.kind == "lateral"],
        "ct": [film.pixels for film in held if film.kind == "ct"],
        "inverted": [255 - film for film in frontal],
        "turned-90": [np.ascontiguousarray(np.rot90(film, 3)) for film in frontal],
        "turned-180": [np.ascontiguousarray(np.rot90(film, 2)) for film in frontal],
        "turned-270": [np.ascontiguousarray(np.rot90(film, 1)) for film in frontal],
        "other-radiograph": [film.below for film in held if film.below is not None],
    }
    right = {}
    for kind, found in pictures.items():
        if found:
            answers, _ = gate_answers(network, found, size)
            right[kind] = [int(sum(KINDS[number] == kind for number in answers.argmax(axis=1))), len(found)]
    return right


def _batch(pool: GatePool, settings: GateTraining, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
    drawn = [pool.draw(generator) for _ in range(settings.batch_size)]
    pictures = np.stack([standardise_picture(picture, settings.size) for picture, _ in drawn])[:, None]
    return torch.from_numpy(pictures), torch.tensor([number for _, number in drawn])


def _block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _card(facts: dict[str, Any]) -> str:
    training = "\n".join(f"| {name} | {count} |" for name, count in facts["training"].items())
    measured = "\n".join(f"| {kind} | {hits} of {total} |" for kind, (hits, total) in facts["held_out"].items())
    made_with = f" --leave-out {facts['left_out']}" if facts["left_out"] else ""
    return f"""# Input gate: the weights shipped with covidcxr

A convolutional network of {facts["bytes"]:,} bytes that tells a frontal chest radiograph from nine other things:
lateral images, CT slices, other pictures, other radiographs, inverted images, images turned by 90, 180 and 270 degrees,
collages.
Research use only, not a diagnosis.

## Trained on
| images | number |
|---|---|
{training}

Inverted and turned images, collages, and the abdomen under the lungs (as "other radiograph") are made from frontal
images; other pictures are drawn, or cut from the sample photographs of scikit-learn, matplotlib and scikit-image.

## Measured
On patients kept out of the training (one in five, by a hash of the patient's name), the network alone, most probable
kind; the gate also asks for lungs:

| kind | told rightly |
|---|---|
{measured}

There are few lateral images and CT slices. Radiographs of hands, hips or skulls were not at hand.

## Licence
The weights: Apache-2.0, as covidcxr. The images carry their own licences, most of them for non-commercial research.

## Made again by
`covidcxr train-gate --sources SOURCES --out DIR{made_with}`
"""
