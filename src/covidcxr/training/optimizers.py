"""The optimisers of a recipe behind one small face: step at a rate, hand out and take back the state as tensors.

Adam and AdamW update large dense layers from factors (`covidcxr.training.factored`); the rest is torch's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import GradScaler

from covidcxr.core.errors import TrainingError
from covidcxr.core.recipe import OptimizerRecipe
from covidcxr.training.factored import EPSILON, FactoredAdam, factor_dense_layers
from covidcxr.training.processes import Processes

_SCALER = "scaler."
_SCALER_KEYS = ("scale", "_growth_tracker")  # what changes of GradScaler.state_dict()


class Optimizer:
    """Updates the parameters of one network as a recipe says.

    Args:
        network: Its large dense layers are replaced in place under Adam and AdamW, unless with SAM.
        recipe: Which optimiser, and its constants.
        dtype: Precision of the passes.
        processes: Those that train together; None for one.
        scaler: What scaled the loss, in float16; else None.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: OptimizerRecipe,
        *,
        dtype: torch.dtype,
        processes: Processes | None = None,
        scaler: GradScaler | None = None,
    ) -> None:
        self._scaler = scaler
        factored = recipe.name in ("adam", "adamw") and not recipe.sam  # which needs every gradient itself
        self.layers = factor_dense_layers(network, dtype) if factored else []
        self.factored = FactoredAdam(
            self.layers, weight_decay=recipe.weight_decay, decoupled=recipe.name == "adamw", processes=processes
        )
        scales = stage_scales(network, recipe.layer_decay)
        names = {id(module): name for name, module in network.named_modules()}
        for layer in self.layers:
            layer.scale = scales[f"{names[id(layer)]}.weight"]
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                groups.setdefault(scales[name], []).append(parameter)
        self._parameters = [parameter for group in groups.values() for parameter in group]
        self._scales = list(groups)
        self.torch = _torch_optimizer([{"params": group} for group in groups.values()], recipe)

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        self.torch.zero_grad(set_to_none=True)
        for layer in self.layers:
            layer.factors.clear()

    def step(self, rate: float) -> None:
        """Update every parameter at learning rate ``rate``; none where a scaled gradient is beyond float16."""
        for group, scale in zip(self.torch.param_groups, self._scales, strict=True):
            group["lr"] = rate * scale
        if self._scaler is None:
            self.torch.step()
            self.factored.step(rate)
            return
        loss_scale = self._scaler.get_scale()
        self._scaler.step(self.torch)
        self._scaler.update()
        if self._scaler.get_scale() >= loss_scale:  # lowered where any gradient, a factored bias's too, is infinite
            self.factored.step(rate, loss_scale)

    def state(self) -> dict[str, Tensor]:
        """Return everything needed to go on exactly, as named tensors (not copies)."""
        tensors = {"factored.step": torch.tensor(float(self.factored.num_steps))}
        for number, (first, second) in enumerate(self.factored.moments):
            tensors[f"factored.{number}.first"], tensors[f"factored.{number}.second"] = first, second
        for number, entry in self.torch.state_dict()["state"].items():
            for key, value in entry.items():
                if value is not None:
                    tensors[f"torch.{number}.{key}"] = torch.as_tensor(value)
        if self._scaler is not None:
            tensors |= {f"{_SCALER}{key}": torch.tensor(float(self._scaler.state_dict()[key])) for key in _SCALER_KEYS}
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
        if self._scaler is not None:
            found = {key: tensors[f"{_SCALER}{key}"].item() for key in _SCALER_KEYS}
            found["_growth_tracker"] = int(found["_growth_tracker"])
            self._scaler.load_state_dict({**self._scaler.state_dict(), **found})


def stage_scales(network: nn.Module, decay: float) -> dict[str, float]:
    """Return each parameter's share of the learning rate: 1 in the last stage, ``decay`` times that a stage earlier.

    A stage is what a name has up to its first number (``blocks.3``, ``backbone.5``), or else its first part; the name
    of a module that holds them all, as a wrapped network of timm has one, does not count.
    """
    names = [name for name, _ in network.named_parameters()]
    wrapped = len({name.partition(".")[0] for name in names}) == 1
    stage_of = {name: _stage(name.partition(".")[2] if wrapped else name) for name in names}
    stages = list(dict.fromkeys(stage_of.values()))
    return {name: decay ** (len(stages) - 1 - stages.index(stage)) for name, stage in stage_of.items()}


def _stage(name: str) -> str:
    parts = name.split(".")
    numbered = next((place for place, part in enumerate(parts) if part.isdigit()), 0)
    return ".".join(parts[: numbered + 1])


def _torch_optimizer(parameters: list[dict[str, Any]], recipe: OptimizerRecipe) -> torch.optim.Optimizer:
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
