"""The loop of a training: epochs of steps, each followed by a look at the validation part.

Everything random in a step follows from (seed, epoch, step), so a loop that goes on from a checkpoint repeats what an
uninterrupted one does. What is in a batch is known to `covidcxr.training.batches`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from covidcxr.core.errors import DivergedError, TrainingError
from covidcxr.core.progress import Progress
from covidcxr.core.recipe import Recipe
from covidcxr.dataset.packed import PackedImages
from covidcxr.models.network import ChestNetwork
from covidcxr.training import losses
from covidcxr.training.averaging import WeightAverage
from covidcxr.training.batches import Batches
from covidcxr.training.checkpoints import (
    Checkpoint,
    load_network,
    newest_checkpoint,
    save_checkpoint,
)
from covidcxr.training.curves import Curves
from covidcxr.training.devices import device_words
from covidcxr.training.history import EpochHistory, write_history
from covidcxr.training.loading import Parts, epoch_order, step_seed
from covidcxr.training.optimizers import Optimizer
from covidcxr.training.schedules import learning_rate
from covidcxr.training.scores import Scores
from covidcxr.training.weights import initial_network

_CHECKPOINT_SECONDS = 300.0  # in the middle of a long epoch


class Loop:
    """One training from its first or its last checkpointed step to its end.

    Attributes:
        network: The network; after `run`, with the weights that are kept.
        kept_epoch: 1-based epoch whose weights are kept.
        device_words: Device and precision in words.
    """

    def __init__(
        self,
        recipe: Recipe,
        parts: Parts,
        fabric: Fabric,
        *,
        out: Path,
        run_id: str,
        classes: Sequence[str],
        progress: Progress,
        after_epoch: Callable[[EpochHistory], None] | None = None,
    ) -> None:
        self._after_epoch = after_epoch
        self._recipe, self._parts, self._fabric, self._progress = recipe, parts, fabric, progress
        self._out, self._run_id, self._classes = out, run_id, tuple(classes)
        self._batches = Batches(recipe, fabric)
        self._num_steps = math.ceil(len(parts.train.labels) / recipe.training.batch_size)
        self._weights = losses.class_weights(classes, recipe.training.loss).to(fabric.device)
        network = initial_network(recipe, num_classes=len(classes)).to(fabric.device)
        self.network = cast("ChestNetwork", network.to(memory_format=torch.channels_last))  # type: ignore[call-overload]
        dtype = torch.bfloat16 if "bf16" in str(fabric._precision.precision) else torch.float32
        self.device_words = device_words(fabric, dtype)
        gather = self._gather if fabric.world_size > 1 else None
        self._optimizer = Optimizer(self.network, recipe.training.optimizer, dtype=dtype, gather=gather)
        self._average = WeightAverage(self.network, self._optimizer.layers, recipe.training.ema)
        self._module = fabric.setup_module(self.network)
        self._epochs: list[EpochHistory] = []
        self._step, self._best, self.kept_epoch = 0, -1.0, 0
        self._scores = Scores(num_classes=len(self._classes))
        self._best_file = out / "checkpoints" / "best.safetensors"

    def run(self) -> list[EpochHistory]:
        """Train to the end and return the epochs' history; the network then has the weights that are kept.

        Raises:
            DivergedError: If the loss stops being a number; the last checkpoint stays.
        """
        self._go_on()
        training = self._recipe.training
        curves = Curves(self._out / "tensorboard", classes=self._classes, step=self._step) if self._leads else None
        try:
            while not self._is_over():
                self._run_epoch(len(self._epochs), curves)
        finally:
            if curves is not None:
                curves.close()
        if training.early_stopping and self._best_file.is_file():
            from safetensors.torch import load_file

            load_network(self.network, load_file(self._best_file), where=self._best_file)
        else:
            self._average.swap()
        return self._epochs

    @property
    def _leads(self) -> bool:
        return bool(self._fabric.global_rank == 0)

    def _is_over(self) -> bool:
        training = self._recipe.training
        if len(self._epochs) >= training.epochs or (training.steps and self._step >= training.steps):
            return True
        patience = training.early_stopping
        return bool(patience) and len(self._epochs) - self.kept_epoch >= patience

    def _run_epoch(self, epoch: int, curves: Curves | None) -> None:
        training = self._recipe.training
        started, first = time.monotonic(), self._step - epoch * self._num_steps
        order = epoch_order(self._parts.train, sampling=training.sampling, seed=training.seed, epoch=epoch)
        saved = started
        rate = 0.0
        steps = range(first, self._num_steps)
        label = f"epoch {epoch + 1}/{training.epochs}"
        num_images = 0
        for step in self._progress.track(steps, total=len(steps), label=label):
            rows = order[step * training.batch_size : (step + 1) * training.batch_size]
            rate = learning_rate(
                training.schedule,
                training.optimizer.learning_rate,
                epoch=epoch + step / self._num_steps,
                epochs=training.epochs,
            )
            loss = self._train_step(rows, epoch=epoch, step=step, rate=rate, curves=curves)
            num_images += len(rows)
            self._step += 1
            if curves is not None:
                curves.step(self._step, loss=loss, rate=rate)
            self._tell(num_images / (time.monotonic() - started))
            if training.steps and self._step >= training.steps:
                break
            if time.monotonic() - saved > _CHECKPOINT_SECONDS and step + 1 < self._num_steps:
                self._checkpoint()
                saved = time.monotonic()
        speed = num_images / (time.monotonic() - started)
        self._end_epoch(epoch, rate=rate, started=started, speed=speed, curves=curves)

    def _train_step(
        self, rows: NDArray[np.int64], *, epoch: int, step: int, rate: float, curves: Curves | None
    ) -> float:
        batch = self._batches.train(self._parts.train, rows, epoch=epoch, step=step)
        if curves is not None and step == 0:
            curves.batch(batch.images, self._step)
        self._module.train()
        torch.manual_seed(step_seed(self._recipe.training.seed, epoch, step, "dropout"))
        self._optimizer.zero_grad()
        value, answers = 0.0, []
        for part in self._slices(len(batch.labels)):
            logits = self._module(batch.images[part])
            loss = losses.training_loss(logits, batch.labels[part], self._weights, self._recipe.training.loss)
            if batch.share < 1.0:
                other = losses.training_loss(logits, batch.others[part], self._weights, self._recipe.training.loss)
                loss = batch.share * loss + (1.0 - batch.share) * other
            loss = loss * (len(logits) / len(batch.labels))
            self._fabric.backward(loss)
            value += float(loss.detach())
            answers.append(logits.detach())
        self._check_finite("loss", value, f"epoch {epoch + 1}, batch {step + 1} of {self._num_steps}")
        self._optimizer.step(rate)
        self._average.update(self._step + 1)
        self._scores.add(torch.cat(answers), batch.labels, value)
        return value

    def _check_finite(self, name: str, value: float, place: str) -> None:
        if not math.isfinite(value):
            raise DivergedError(
                f"the {name} became {value} at {place}; the last good checkpoint is kept in "
                f"{self._out / 'checkpoints'}: lower training.optimizer.learning_rate"
            )

    def _slices(self, num_images: int) -> list[slice]:
        size = math.ceil(num_images / self._recipe.training.accumulate)
        return [slice(start, start + size) for start in range(0, num_images, size)]

    @torch.no_grad()
    def evaluate(self, packed: PackedImages) -> Scores:
        """Return the scores of the network, as it is now, on packed images."""
        scores = Scores(num_classes=len(self._classes))
        self._module.eval()
        for images, labels in self._batches.plain(packed):
            logits = self._module(images)
            targets = losses.smooth_targets(labels, len(self._classes), self._recipe.training.loss)
            scores.add(logits, labels, float(losses.cross_entropy(logits, targets).mean()))
        return scores

    def _end_epoch(self, epoch: int, *, rate: float, started: float, speed: float, curves: Curves | None) -> None:
        with self._average.applied():
            validation = self.evaluate(self._parts.validation)
        if self._fabric.world_size > 1:
            totals = cast("Tensor", self._fabric.all_gather(self._scores.totals())).sum(dim=0)
            self._scores = Scores.from_totals(totals, len(self._classes))
        metrics = {"train": self._scores.metrics(), "validation": validation.metrics()}
        self._check_finite("validation loss", metrics["validation"]["loss"], f"the end of epoch {epoch + 1}")
        seconds = time.monotonic() - started
        self._epochs.append(
            EpochHistory(
                epoch=epoch + 1,
                learning_rate=rate,
                train=metrics["train"],
                validation=metrics["validation"],
                confusion=validation.confusion.tolist(),
                seconds=round(seconds, 2),
                images_per_second=round(speed, 1),
            )
        )
        self._scores = Scores(num_classes=len(self._classes))
        score = metrics["validation"]["balanced_accuracy"]
        if not self._recipe.training.early_stopping or score > self._best:
            self._best, self.kept_epoch = score, epoch + 1
            if self._recipe.training.early_stopping and self._leads:
                self._save_best()
        if curves is not None:
            curves.epoch(self._step, metrics, validation.confusion, rate=rate)
        self._checkpoint()
        if self._leads:
            write_history(self._out / "history.json", self._run_id, self._epochs, finished=False)
        train, held = metrics["train"], metrics["validation"]
        self._progress.message(
            f"epoch {epoch + 1}: loss {train['loss']:.4f}, accuracy {train['accuracy']:.4f}; validation loss "
            f"{held['loss']:.4f}, accuracy {held['accuracy']:.4f}; {speed:.0f} images/s, {seconds:.0f} s"
        )
        if self._after_epoch is not None:
            self._after_epoch(self._epochs[-1])

    def _tell(self, speed: float) -> None:
        now = self._scores.metrics()
        self._progress.status(f"loss {now['loss']:.4f} accuracy {now['accuracy']:.4f} {speed:.0f} images/s")

    def _save_best(self) -> None:
        from covidcxr.core.artefacts import atomic_file
        from covidcxr.models.tensor_file import write_tensors

        with self._average.applied(), atomic_file(self._best_file) as partial:
            write_tensors(partial, self.network.state_dict())

    def _checkpoint(self) -> None:
        if self._leads:
            save_checkpoint(
                self._out / "checkpoints",
                step=self._step,
                network=self.network,
                optimizer={**self._optimizer.state(), **self._average.state()},
                position=self._position(),
            )
        self._fabric.barrier()

    def _position(self) -> dict[str, Any]:
        return {
            "run_id": self._run_id,
            "epochs": [epoch.model_dump() for epoch in self._epochs],
            "scores": self._scores.state(),
            "best": self._best,
            "kept_epoch": self.kept_epoch,
        }

    def _go_on(self) -> None:
        checkpoint = newest_checkpoint(self._out / "checkpoints")
        if checkpoint is None:
            return
        if checkpoint.position["run_id"] != self._run_id:
            raise TrainingError(
                f"{checkpoint.folder}: is of another recipe or dataset; choose another --out, or delete "
                f"{checkpoint.folder.parent}"
            )
        self._restore(checkpoint)
        self._progress.message(f"going on from {checkpoint.folder}")

    def _restore(self, checkpoint: Checkpoint) -> None:
        load_network(self.network, checkpoint.network(), where=checkpoint.folder)
        tensors = checkpoint.optimizer()
        self._optimizer.load_state(tensors)
        self._average.load_state(tensors)
        position = checkpoint.position
        self._step = checkpoint.step
        self._epochs = [EpochHistory.model_validate(epoch) for epoch in position["epochs"]]
        self._scores = Scores.from_state(position["scores"])
        self._best, self.kept_epoch = position["best"], position["kept_epoch"]

    def _gather(self, tensor: Tensor) -> Tensor:
        gathered = cast("Tensor", self._fabric.all_gather(tensor.float()))
        return gathered.flatten(0, 1).to(tensor.dtype)
