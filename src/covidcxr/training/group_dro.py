"""Group distributionally robust optimisation (S. Sagawa et al., arXiv:1911.08731): the worst group counts most.

A group is a class of a source. A batch's loss is the sum over its groups of the group's weight times the mean loss of
the group's images. Which images are in a batch is left to the recipe's sampling.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from covidcxr.core.errors import TrainingError
from covidcxr.dataset.packed import PackedImages

_STATE = "groups.weights"


class GroupWeights:
    """The weight of each (class, source) of the training images; at first all are equal, their sum is always 1.

    With each batch a group's weight grows by the factor exp(step size times its mean loss), Algorithm 1 of the paper;
    then all are divided by their sum. Groups that a batch lacks count as having no loss, as in the authors' code. What
    a batch counts follows from the losses of the batches before it, so that a batch in parts or over several processes
    counts the same.

    Attributes:
        names: (class, source) of each group.
        weights: float64 (groups,).
    """

    def __init__(self, packed: PackedImages, step_size: float) -> None:
        keys = [(sample.label, sample.record.source) for sample in packed.samples]
        self.names = sorted(set(keys))
        self.weights = torch.full((len(self.names),), 1.0 / len(self.names), dtype=torch.float64)
        self._group_of_row = torch.tensor([self.names.index(key) for key in keys])
        self._step_size = step_size

    def image_weights(self, rows: Tensor, batch_rows: Tensor) -> Tensor:
        """Return float32 (n,): what the images at ``rows`` count in the mean over a batch of ``batch_rows``, int64."""
        counts = self._counts(batch_rows)
        factors = self.weights * (len(batch_rows) / counts.clamp(min=1))
        return factors[self._group_of_row[rows]].float()

    def totals(self, rows: Tensor, losses: Tensor) -> Tensor:
        """Return float64 (2, groups): the sum of the losses (n,) of the images at ``rows``, and their number."""
        sums = torch.zeros_like(self.weights)
        sums.index_add_(0, self._group_of_row[rows], losses.detach().double().cpu())
        return torch.stack([sums, self._counts(rows)])

    def update(self, totals: Tensor) -> None:
        """Move the weights by a batch whose `totals` are summed over its parts."""
        sums, counts = totals.cpu()
        self.weights = torch.softmax(self.weights.log() + self._step_size * sums / counts.clamp(min=1), dim=0)

    def state(self) -> dict[str, Tensor]:
        """Return the weights as a named tensor."""
        return {_STATE: self.weights}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `state` returned; other names are ignored.

        Raises:
            TrainingError: If it is the state of other groups.
        """
        if _STATE not in tensors or tensors[_STATE].shape != self.weights.shape:
            raise TrainingError("the checkpoint has no weights of these groups; delete it and train again")
        self.weights = tensors[_STATE].clone()

    def _counts(self, rows: Tensor) -> Tensor:
        return torch.bincount(self._group_of_row[rows], minlength=len(self.names)).double()
