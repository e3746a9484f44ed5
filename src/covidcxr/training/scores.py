"""What an epoch scored, counted batch by batch as Keras counts it.

Loss and accuracy are means over the epoch's images; precision and recall are micro-averaged over all (image, class)
pairs at a probability of 0.5, Keras' defaults and the paper's definition. Those of the training images are running
means over the epoch, while the network still changes. Intervals and everything else are `covidcxr.evaluation`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(kw_only=True)
class Scores:
    """Counts of one pass over some images; ``confusion`` has actual classes as rows."""

    num_classes: int
    loss_sum: float = 0.0
    num_images: int = 0
    num_correct: int = 0
    true_positives: int = 0
    num_claimed: int = 0
    confusion: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.confusion = np.zeros((self.num_classes, self.num_classes), np.int64)

    @torch.no_grad()
    def add(self, logits: Tensor, labels: Tensor, loss: float) -> None:
        """Count a batch: logits (N, C), labels int64 (N,), and its mean loss."""
        probabilities = torch.softmax(logits.float(), dim=1).cpu()
        labels = labels.cpu()
        predicted = probabilities.argmax(dim=1)
        claimed = probabilities > 0.5
        self.loss_sum += loss * len(labels)
        self.num_images += len(labels)
        self.num_correct += int((predicted == labels).sum())
        self.true_positives += int(claimed.gather(1, labels[:, None]).sum())
        self.num_claimed += int(claimed.sum())
        np.add.at(self.confusion, (labels.numpy(), predicted.numpy()), 1)

    def metrics(self) -> dict[str, float]:
        """Return loss, accuracy, precision, recall and balanced accuracy so far."""
        rows = self.confusion.sum(axis=1)
        recalls = self.confusion.diagonal()[rows > 0] / rows[rows > 0]
        return {
            "loss": self.loss_sum / max(self.num_images, 1),
            "accuracy": self.num_correct / max(self.num_images, 1),
            "precision": self.true_positives / max(self.num_claimed, 1),
            "recall": self.true_positives / max(self.num_images, 1),
            "balanced_accuracy": float(recalls.mean()) if len(recalls) else 0.0,
        }

    def totals(self) -> Tensor:
        """Return every count as one float64 vector, to be summed over processes."""
        counts = [self.loss_sum, self.num_images, self.num_correct, self.true_positives, self.num_claimed]
        return torch.cat(
            [torch.tensor(counts, dtype=torch.float64), torch.from_numpy(self.confusion).flatten().double()]
        )

    @classmethod
    def from_totals(cls, totals: Tensor, num_classes: int) -> Scores:
        """Return the scores whose `totals` are given."""
        loss_sum, *counts = totals[:5].tolist()
        num_images, num_correct, true_positives, num_claimed = (round(count) for count in counts)
        scores = cls(
            num_classes=num_classes,
            loss_sum=loss_sum,
            num_images=num_images,
            num_correct=num_correct,
            true_positives=true_positives,
            num_claimed=num_claimed,
        )
        scores.confusion = totals[5:].round().long().reshape(num_classes, num_classes).cpu().numpy()
        return scores

    def state(self) -> dict[str, float | int | list[list[int]]]:
        """Return the counts as JSON, for a checkpoint in the middle of an epoch."""
        return {
            "loss_sum": self.loss_sum,
            "num_images": self.num_images,
            "num_correct": self.num_correct,
            "true_positives": self.true_positives,
            "num_claimed": self.num_claimed,
            "confusion": self.confusion.tolist(),
        }

    @classmethod
    def from_state(cls, state: dict[str, float | int | list[list[int]]]) -> Scores:
        """Return what `state` described."""
        counts = dict(state)
        confusion = np.array(counts.pop("confusion"), np.int64)
        scores = cls(num_classes=len(confusion), **counts)  # type: ignore[arg-type]
        scores.confusion = confusion
        return scores
