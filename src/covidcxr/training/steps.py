"""One step of a training: a batch through the network, its loss back, the weights moved.

When steps are taken, watched and kept is known to `covidcxr.training.loop`. Everything random in a step follows from
(seed, epoch, step).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from covidcxr.core.recipe import Recipe
from covidcxr.dataset.packed import PackedImages
from covidcxr.models.network import ChestNetwork
from covidcxr.training import losses
from covidcxr.training.averaging import WeightAverage
from covidcxr.training.batches import Batch, Batches
from covidcxr.training.devices import passes_dtype
from covidcxr.training.group_dro import GroupWeights
from covidcxr.training.joined_norm import join_batch_norms
from covidcxr.training.loading import step_seed
from covidcxr.training.optimizers import Optimizer
from covidcxr.training.processes import Processes
from covidcxr.training.sam import at_the_worst
from covidcxr.training.weights import initial_network


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Step:
    """What a step saw.

    Attributes:
        loss: Mean over the batch, of all processes; the weights moved only if it is a number.
        logits: (n, classes) of the images that this process counts.
        labels: int64 (n,).
        images: Float (m, 1, S, S), some of them as the network saw them.
    """

    loss: float
    logits: Tensor
    labels: Tensor
    images: Tensor


class Steps:
    """The network of one training and everything that learns with it.

    Attributes:
        network: The network itself.
        module: The network as Fabric calls it, in the precision of the training.
        average: The moving average of its weights.
    """

    def __init__(self, recipe: Recipe, packed: PackedImages, fabric: Fabric, *, classes: Sequence[str]) -> None:
        self._recipe, self._packed, self._fabric = recipe, packed, fabric
        self._batches, self._processes = Batches(recipe, fabric), Processes(fabric)
        self._class_weights = losses.class_weights(classes, recipe.training.loss).to(fabric.device)
        network = initial_network(recipe, num_classes=len(classes)).to(fabric.device)
        self.network = cast("ChestNetwork", network.to(memory_format=torch.channels_last))  # type: ignore[call-overload]
        if fabric.world_size > 1:
            join_batch_norms(self.network)
        self._optimizer = Optimizer(
            self.network,
            recipe.training.optimizer,
            dtype=passes_dtype(fabric),
            processes=self._processes,
            scaler=getattr(fabric._precision, "scaler", None),
        )
        self.average = WeightAverage(self.network, self._optimizer.layers, recipe.training.ema)
        self._groups = GroupWeights(packed, step) if (step := recipe.training.loss.group_dro) else None
        self.module = fabric.setup_module(self.network)

    def take(self, rows: NDArray[np.int64], *, epoch: int, step: int, number: int, rate: float) -> Step:
        """Learn from the images at ``rows``.

        Args:
            rows: int64 (N,), the batch, of all processes.
            epoch: From 0.
            step: Within the epoch, from 0.
            number: Steps taken with this one, in all.
            rate: Learning rate.
        """
        training = self._recipe.training
        parts = self._batches.train(self._packed, rows, epoch=epoch, step=step)
        rank = self._processes.rank
        seed = step_seed(training.seed, epoch, step, f"dropout/{rank}" if rank else "dropout")
        self.module.train()
        loss, logits, image_losses = self._passes(parts, rows, seed)
        counted = torch.cat([part.counted for part in parts])
        if math.isfinite(loss):
            if training.optimizer.sam:
                with at_the_worst(self.network, training.optimizer.sam):
                    self._passes(parts, rows, seed)
            self._optimizer.step(rate)
            self.average.update(number)
            if self._groups is not None:
                own = torch.cat([part.rows for part in parts])
                totals = self._groups.totals(own[counted], image_losses.cpu()[counted])
                self._groups.update(self._processes.sum(totals))
        labels, counted = torch.cat([part.labels for part in parts]), counted.to(logits.device)
        return Step(loss=loss, logits=logits[counted], labels=labels[counted], images=parts[0].images)

    def state(self) -> dict[str, Tensor]:
        """Return everything but the network that is needed to go on exactly, as named tensors (not copies)."""
        groups = {} if self._groups is None else self._groups.state()
        return {**self._optimizer.state(), **self.average.state(), **groups}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `state` returned; the network must have its tensors already.

        Raises:
            TrainingError: If it is the state of another training.
        """
        self._optimizer.load_state(tensors)
        self.average.load_state(tensors)
        if self._groups is not None:
            self._groups.load_state(tensors)

    def group_shares(self) -> dict[str, float]:
        """Return each group's weight under GroupDRO by the name of its curve."""
        if self._groups is None:
            return {}
        names = [f"group_weight/{label} {source}" for label, source in self._groups.names]
        return dict(zip(names, self._groups.weights.tolist(), strict=True))

    def num_bytes(self) -> int:
        """Return how large network and state are in a checkpoint once every moment is there."""
        num_moments = 1 if self._recipe.training.optimizer.name == "sgd" else 2
        size: int = sum(tensor.numel() * tensor.element_size() for tensor in self.network.state_dict().values())
        return size * (1 + num_moments + bool(self._recipe.training.ema))

    def _passes(self, parts: Sequence[Batch], rows: NDArray[np.int64], seed: int) -> tuple[float, Tensor, Tensor]:
        """Leave a batch's gradients; return its loss over all processes, and own images' logits and losses."""
        torch.manual_seed(seed)
        self._optimizer.zero_grad()
        value, answers, image_losses = 0.0, [], []
        for part in parts:
            logits = self.module(part.images)
            own = self._image_losses(logits, part.labels)
            loss = self._mean(own, part, rows)
            if part.share < 1.0:
                others = self._image_losses(logits, part.others)
                loss = part.share * loss + (1.0 - part.share) * self._mean(others, part, rows)
                own = torch.lerp(others, own, part.share)
            loss = loss * part.weight
            self._fabric.backward(loss)
            value += float(loss.detach())
            answers.append(logits.detach())
            image_losses.append(own.detach())
        return self._processes.mean(value), torch.cat(answers), torch.cat(image_losses)

    def _image_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        return losses.image_losses(logits, labels, self._class_weights, self._recipe.training.loss)

    def _mean(self, image_losses: Tensor, part: Batch, rows: NDArray[np.int64]) -> Tensor:
        if self._groups is None:
            return image_losses.mean()
        weights = self._groups.image_weights(part.rows, torch.from_numpy(rows))
        return (image_losses * weights.to(image_losses.device)).mean()
