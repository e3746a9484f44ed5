"""The loop of a training: epochs of steps, each followed by a look at the validation part.

Everything random in a step follows from (seed, epoch, step), so a loop that goes on from a checkpoint repeats what an
uninterrupted one does. What a step does is known to `covidcxr.training.steps`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray

from covidcxr.core.digests import file_sha256
from covidcxr.core.errors import DivergedError, TrainingError
from covidcxr.core.progress import Progress
from covidcxr.core.recipe import Recipe
from covidcxr.dataset.packed import PackedImages
from covidcxr.models.history import HISTORY_FILE, EpochHistory, write_history
from covidcxr.training import losses
from covidcxr.training.batches import Batches
from covidcxr.training.checkpoints import (
    Checkpoint,
    check_room,
    good_weights,
    load_network,
    newest_checkpoint,
    save_checkpoint,
)
from covidcxr.training.curves import Curves
from covidcxr.training.devices import device_words
from covidcxr.training.loading import Parts, epoch_order
from covidcxr.training.processes import Processes
from covidcxr.training.schedules import learning_rate
from covidcxr.training.scores import Scores
from covidcxr.training.steps import Steps

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
        self._processes, self._batches = Processes(fabric), Batches(recipe, fabric)
        self._num_steps = math.ceil(len(parts.train.labels) / recipe.training.batch_size)
        self._steps = Steps(recipe, parts.train, fabric, classes=classes)
        self.network, self.device_words = self._steps.network, device_words(fabric)
        self._epochs: list[EpochHistory] = []
        self._step, self._best, self.kept_epoch = 0, -1.0, 0
        self._scores = Scores(num_classes=len(self._classes))
        self._checkpoints = out / "checkpoints"
        self._best_file = self._checkpoints / "best.safetensors"

    def run(self) -> list[EpochHistory]:
        """Train to the end and return the epochs' history; the network then has the weights that are kept.

        Raises:
            DivergedError: If the loss stops being a number; the last checkpoint stays.
            OutputError: If the checkpoints have no room.
        """
        self._go_on()
        self._began, self._first_step = time.monotonic(), self._step
        curves = None
        if self._leads:
            check_room(self._checkpoints, num_bytes=self._steps.num_bytes())
            curves = Curves(self._out / "tensorboard", classes=self._classes, step=self._step)
        try:
            while not self._is_over():
                self._run_epoch(len(self._epochs), curves)
        finally:
            if curves is not None:
                curves.close()
        if self._recipe.training.early_stopping and self._best_file.is_file():
            from safetensors.torch import load_file

            load_network(self.network, load_file(self._best_file), where=self._best_file)
            self._progress.message(
                f"{len(self._epochs)} of at most {self._recipe.training.epochs} epochs; the weights of epoch "
                f"{self.kept_epoch} are kept, the best validation balanced accuracy ({self._best:.4f})"
            )
        else:
            self._steps.average.swap()
        return self._epochs

    @property
    def _leads(self) -> bool:
        return self._processes.rank == 0

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
            self._train_step(rows, epoch=epoch, step=step, rate=rate, curves=curves)
            num_images += len(rows)
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
    ) -> None:
        done = self._steps.take(rows, epoch=epoch, step=step, number=self._step + 1, rate=rate)
        if curves is not None and step == 0:
            curves.batch(done.images, self._step)
        self._check_finite("loss", done.loss, f"epoch {epoch + 1}, batch {step + 1} of {self._num_steps}")
        self._scores.add(done.logits, done.labels, done.loss)
        self._step += 1
        if curves is not None:
            curves.step(self._step, loss=done.loss, rate=rate)

    def _check_finite(self, name: str, value: float, place: str) -> None:
        if not math.isfinite(value):
            raise self._diverged(f"the {name} became {value} at {place}")

    def _diverged(self, found: str) -> DivergedError:
        """Return the error that says what was found, what is left, and the way on."""
        by_steps = self._recipe.training.schedule.name == "steps"
        rate = "training.schedule.rates" if by_steps else "training.optimizer.learning_rate"
        advice = f"{found}; train again into another --out with lower {rate}"
        weights = good_weights(self._checkpoints)
        if weights is None:
            return DivergedError(f"{advice} (no checkpoint was written yet)")
        return DivergedError(
            f"{advice}; the last good checkpoint is kept in {weights.parent}: to begin with its weights, also give "
            f"--set 'network.weights={weights.absolute()}#{file_sha256(weights)}'"
        )

    @torch.no_grad()
    def evaluate(self, packed: PackedImages) -> Scores:
        """Return the scores of the network, as it is now, on packed images."""
        scores = Scores(num_classes=len(self._classes))
        self._steps.module.eval()
        for images, labels in self._batches.plain(packed):
            logits = self._steps.module(images)
            targets = losses.smooth_targets(labels, len(self._classes), self._recipe.training.loss)
            scores.add(logits, labels, float(losses.cross_entropy(logits, targets).mean()))
        return scores

    def _end_epoch(self, epoch: int, *, rate: float, started: float, speed: float, curves: Curves | None) -> None:
        with self._steps.average.applied():
            validation = self.evaluate(self._parts.validation)
        totals = self._processes.sum(self._scores.totals())
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
            curves.scalars(self._steps.group_shares(), self._step)
        self._checkpoint()
        if self._leads:
            write_history(self._out / HISTORY_FILE, self._run_id, self._epochs, finished=False)
        self._fabric.barrier()
        train, held = metrics["train"], metrics["validation"]
        self._progress.message(
            f"epoch {epoch + 1}: loss {train['loss']:.4f}, accuracy {train['accuracy']:.4f}; validation loss "
            f"{held['loss']:.4f}, accuracy {held['accuracy']:.4f}, balanced {score:.4f}; {speed:.0f} images/s, "
            f"{seconds:.0f} s"
        )
        if self._after_epoch is not None:
            self._after_epoch(self._epochs[-1])

    def _tell(self, speed: float) -> None:
        now = self._scores.metrics()
        words = f"loss {now['loss']:.4f} accuracy {now['accuracy']:.4f} {speed:.0f} images/s"
        if self._epochs:
            words += f", validation {self._epochs[-1].validation['balanced_accuracy']:.4f}"
        training = self._recipe.training
        left = min(training.epochs * self._num_steps, training.steps or math.inf) - self._step
        minutes = (time.monotonic() - self._began) / (self._step - self._first_step) * left / 60
        self._progress.status(f"{words}, {minutes:.0f} min left in all")

    def _save_best(self) -> None:
        from covidcxr.core.artefacts import atomic_file
        from covidcxr.models.tensor_file import write_tensors

        with self._steps.average.applied(), atomic_file(self._best_file) as partial:
            write_tensors(partial, self.network.state_dict())

    def _checkpoint(self) -> None:
        if self._leads:
            try:
                save_checkpoint(
                    self._checkpoints,
                    step=self._step,
                    keep_step=len(self._epochs) * self._num_steps,
                    network=self.network,
                    optimizer=self._steps.state(),
                    position=self._position(),
                )
            except DivergedError as error:
                raise self._diverged(str(error)) from None

    def _position(self) -> dict[str, Any]:
        return {
            "run_id": self._run_id,
            "epochs": [epoch.model_dump() for epoch in self._epochs],
            "scores": self._scores.state(),
            "best": self._best,
            "kept_epoch": self.kept_epoch,
        }

    def _go_on(self) -> None:
        checkpoint = newest_checkpoint(self._checkpoints)
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
        self._steps.load_state(checkpoint.optimizer())
        position = checkpoint.position
        self._step = checkpoint.step
        self._epochs = [EpochHistory.model_validate(epoch) for epoch in position["epochs"]]
        self._scores = Scores.from_state(position["scores"])
        self._best, self.kept_epoch = position["best"], position["kept_epoch"]
