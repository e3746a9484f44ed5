"""The optimisers of a recipe behind one small face: step at a rate, hand out and take back the state as tensors.

Adam and AdamW update large dense layers from factors (`covidcxr.training.factored`); the rest is torch's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from covidcxr.core.errors import TrainingError
from covidcxr.core.recipe import OptimizerRecipe
from covidcxr.training.factored import EPSILON, FactoredAdam, factor_dense_layers


class Optimizer:
    """Updates the parameters of one network as a recipe says.

    Args:
        network: Its large dense layers are replaced in place under Adam and AdamW.
        recipe: Which optimiser, and its constants.
        dtype: Precision of the passes.
        gather: Joins tensors of all processes along the first axis; None for one process.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: OptimizerRecipe,
        *,
        dtype: torch.dtype,
        gather: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        factored = recipe.name in ("adam", "adamw")
        self.layers = factor_dense_layers(network, dtype) if factored else []
        self.factored = FactoredAdam(
            self.layers, weight_decay=recipe.weight_decay, decoupled=recipe.name == "adamw", gather=gather
        )
        self._parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.torch = _torch_optimizer(self._parameters, recipe)

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        self.torch.zero_grad(set_to_none=True)
        for layer in self.layers:
            layer.factors.clear()

    def step(self, rate: float) -> None:
        """Update every parameter at learning rate ``rate``."""
        for group in self.torch.param_groups:
            group["lr"] = rate
        self.torch.step()
        self.factored.step(rate)

    def state(self) -> dict[str, Tensor]:
        """Return everything needed to go on exactly, as named tensors (not copies)."""
        tensors = {"factored.step": torch.tensor(float(self.factored.num_steps))}
        for number, (first, second) in enumerate(self.factored.moments):
            tensors[f"factored.{number}.first"], tensors[f"factored.{number}.second"] = first, second
        for number, entry in self.torch.state_dict()["state"].items():
            for key, value in entry.items():
                if value is not None:
                    tensors[f"torch.{number}.{key}"] = torch.as_tensor(value)
        return tensors

    @torch.no_grad()
    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what `state` returned.

        Raises:
            TrainingError: If it is the state of another optimiser or network.
        """
        try:
            self.factored.num_steps = int(tensors["factored.step"])
            for number, (first, second) in enumerate(self.factored.moments):
                first.copy_(tensors[f"factored.{number}.first"])
                second.copy_(tensors[f"factored.{number}.second"])
        except (KeyError, RuntimeError) as error:
            raise TrainingError(f"the checkpoint is of another optimiser or network: {error}") from error
        state: dict[int, dict[str, Tensor | float]] = {}
        for name, value in tensors.items():
            kind, place, key = name.split(".", 2) if name.count(".") >= 2 else (name, "", "")
            if kind == "torch":
                parameter = self._parameters[int(place)]
                # The fused kernels walk memory, not indices: a moment must lie in memory as its parameter does.
                laid_out = torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value
                state.setdefault(int(place), {})[key] = laid_out
        content = self.torch.state_dict()
        self.torch.load_state_dict({"state": state, "param_groups": content["param_groups"]})
        for layer in self.layers:
            layer.refresh()


def _torch_optimizer(parameters: list[nn.Parameter], recipe: OptimizerRecipe) -> torch.optim.Optimizer:
    rate, decay = recipe.learning_rate, recipe.weight_decay
    match recipe.name:
        case "adam":
            return torch.optim.Adam(parameters, lr=rate, eps=EPSILON, weight_decay=decay, fused=True)
        case "adamw":
            return torch.optim.AdamW(parameters, lr=rate, eps=EPSILON, weight_decay=decay, fused=True)
        case "nadam":
            return torch.optim.NAdam(parameters, lr=rate, eps=EPSILON, weight_decay=decay)
        case "sgd":
            return torch.optim.SGD(parameters, lr=rate, momentum=recipe.momentum, weight_decay=decay)
