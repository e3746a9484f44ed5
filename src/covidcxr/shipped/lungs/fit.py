"""Training of the lung network: loss, loop, averaged weights, and export to ONNX with 16-bit storage.

What it is trained on is gathered by `covidcxr.shipped.lungs.data`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from covidcxr.core.progress import SILENT, Progress
from covidcxr.shipped.lungs.augment import augment
from covidcxr.shipped.lungs.data import LungExample
from covidcxr.shipped.lungs.network import LungNetwork, standardise


@dataclass(frozen=True, kw_only=True)
class LungTraining:
    """How long and how fast to train.

    Attributes:
        images: Augmented images seen in all.
        batch_size: Images a step.
        rate: Peak learning rate of AdamW, reached after 5 % of the steps and then lowered to zero as a cosine.
        decay: Weight decay.
        average: Share of the past kept by the running average of the weights, which is what is exported.
        seed: Of initial weights, order and augmentation.
    """

    films: int = 24000
    batch_size: int = 16
    rate: float = 2e-3
    decay: float = 1e-3
    average: float = 0.995
    seed: int = 0


def fit_lungs(
    examples: Sequence[LungExample],
    settings: LungTraining = LungTraining(),
    *,
    start: LungNetwork | None = None,
    progress: Progress = SILENT,
) -> LungNetwork:
    """Return a network trained on ``examples``, in evaluation mode, with averaged weights.

    ``start`` is a trained network to go on from; it stays as it is.
    """
    torch.manual_seed(settings.seed)
    generator = np.random.default_rng(settings.seed)
    network: LungNetwork = copy.deepcopy(start).train() if start else LungNetwork()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = copy.deepcopy(network).eval()
    steps = max(1, settings.films // settings.batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate_share(step, steps))
    weights = np.array([example.weight for example in examples])
    loss_mean = math.nan
    for step in progress.track(range(steps), total=steps, label="lungs"):
        chosen = generator.choice(len(examples), size=settings.batch_size, p=weights / weights.sum())
        films, masks = _batch([examples[index] for index in chosen], generator)
        presence = torch.tensor([float(examples[index].has_lungs) for index in chosen])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits, presence_logits = network(films)
        loss = _loss(logits.float(), masks, presence_logits.float(), presence)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        schedule.step()
        _average(averaged, network, min(settings.average, (step + 1) / (step + 10)))
        loss_mean = loss.item() if math.isnan(loss_mean) else 0.98 * loss_mean + 0.02 * loss.item()
        progress.status(f"loss {loss_mean:.4f}")
    return averaged


def _rate_share(step: int, steps: int) -> float:
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _batch(examples: Sequence[LungExample], generator: np.random.Generator) -> tuple[Tensor, Tensor]:
    pairs = [augment(example.film(), example.masks(), generator) for example in examples]
    films = standardise(np.stack([film for film, _ in pairs]))
    masks = np.stack([mask for _, mask in pairs])
    batch = torch.from_numpy(films)[:, None].contiguous(memory_format=torch.channels_last)
    return batch, torch.from_numpy(masks)


def _loss(logits: Tensor, masks: Tensor, presence_logits: Tensor, presence: Tensor) -> Tensor:
    """Cross-entropy plus soft Dice of each lung where there are lungs, plus the answer on the whole image."""
    entropy = functional.binary_cross_entropy_with_logits(logits, masks)
    probabilities = logits.sigmoid()
    overlap = (probabilities * masks).sum(dim=(2, 3))
    total = (probabilities.square() + masks.square()).sum(dim=(2, 3))
    dice = 1.0 - (2.0 * overlap + 1.0) / (total + 1.0)
    dice = (dice.mean(dim=1) * presence).sum() / presence.sum().clamp(min=1.0)
    answer = functional.binary_cross_entropy_with_logits(presence_logits, presence)
    return entropy + 0.5 * dice + 0.1 * answer


@torch.no_grad()
def _average(averaged: LungNetwork, network: LungNetwork, keep: float) -> None:
    current = network.state_dict()
    for name, value in averaged.state_dict().items():
        if value.dtype.is_floating_point:
            value.lerp_(current[name], 1.0 - keep)
        else:
            value.copy_(current[name])
