"""What the processes of one training tell each other; one process alone has nothing to tell.

How they are started and joined is known to `covidcxr.training.devices`.
"""

from __future__ import annotations

import os
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.nn import functional


def is_leader() -> bool:
    """Return whether this process speaks for all: the first of those that ``torchrun`` started, or the only one."""
    return os.environ.get("RANK", "0") == "0"


class Processes:
    """The processes that train together; each calls the same methods in the same order.

    Attributes:
        size, rank: How many there are, and which this is, from 0.
    """

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self.size, self.rank = fabric.world_size, fabric.global_rank

    def sum(self, tensor: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes."""
        if self.size == 1:
            return tensor
        return cast("Tensor", self._fabric.all_reduce(tensor.to(self._fabric.device), reduce_op="sum"))

    def mean(self, value: float) -> float:
        """Return the mean of a number over all processes."""
        return value if self.size == 1 else float(self.sum(torch.tensor(value, dtype=torch.float64))) / self.size

    def gather(self, tensor: Tensor) -> Tensor:
        """Return the (n, ...) tensors of all processes, one after the other; shorter ones end in rows of zeros."""
        if self.size == 1:
            return tensor
        lengths = self._fabric.all_gather(torch.tensor([len(tensor)], device=tensor.device))
        missing = int(cast("Tensor", lengths).max()) - len(tensor)
        padded = functional.pad(tensor.float(), (0, 0) * (tensor.ndim - 1) + (0, missing))
        return cast("Tensor", self._fabric.all_gather(padded)).flatten(0, 1).to(tensor.dtype)
