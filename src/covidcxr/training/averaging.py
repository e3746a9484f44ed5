"""An exponential moving average of a network's weights, which is what is validated and kept where a recipe asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from covidcxr.training.factored import FactoredLinear

_PREFIX = "average."


class WeightAverage:
    """Follows every floating-point tensor of a network, statistics included; does nothing where ``decay`` is 0.

    Args:
        network: What is followed.
        layers: Its factored layers, whose copies must follow their weights.
        decay: Share of the old average that a step keeps; in the first steps less, so that the average is not
            ruled by the initial weights: (1 + n) / (10 + n), as TensorFlow's ExponentialMovingAverage has it.
    """

    def __init__(self, network: nn.Module, layers: Sequence[FactoredLinear], decay: float) -> None:
        self._network, self._layers, self._decay = network, layers, decay
        self._average = {name: tensor.detach().clone() for name, tensor in self._tensors()} if decay else {}

    @torch.no_grad()
    def update(self, num_steps: int) -> None:
        """Move the average towards the weights after optimiser step ``num_steps`` (from 1)."""
        if not self._average:
            return
        share = 1 - min(self._decay, (1 + num_steps) / (10 + num_steps))
        names, tensors = zip(*self._tensors(), strict=True)
        torch._foreach_lerp_([self._average[name] for name in names], list(tensors), share)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the network the averaged tensors inside the block, and its own again after it."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def state(self) -> dict[str, Tensor]:
        """Return the average as named tensors."""
        return {f"{_PREFIX}{name}": tensor for name, tensor in self._average.items()}

    @torch.no_grad()
    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `state` returned; other names are ignored."""
        for name, tensor in self._average.items():
            tensor.copy_(tensors[f"{_PREFIX}{name}"])

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the network's tensors and the average."""
        if not self._average:
            return
        for name, tensor in self._tensors():
            own = tensor.clone()
            tensor.copy_(self._average[name])
            self._average[name].copy_(own)
        for layer in self._layers:
            layer.refresh()

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        state = self._network.state_dict()
        return ((name, tensor) for name, tensor in state.items() if tensor.is_floating_point())
