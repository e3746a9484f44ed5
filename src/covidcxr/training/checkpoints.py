"""Checkpoints: weights and optimiser state as safetensors, the rest as JSON, written whole or not at all.

A checkpoint is a folder ``step-00000163``; the newest whole one is where a training goes on. Because everything
random follows from (seed, epoch, step), a training that goes on repeats exactly what an uninterrupted one does.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from covidcxr.core.artefacts import atomic_directory
from covidcxr.core.errors import TrainingError
from covidcxr.models.tensor_file import write_tensors

_PREFIX = "step-"
_NETWORK, _STATE, _POSITION = "network.safetensors", "optimizer.safetensors", "position.json"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a training needs to go on.

    Attributes:
        step: Optimiser steps done.
        position: Everything else that is not a tensor, as JSON.
        folder: Where it is.
    """

    step: int
    position: Mapping[str, Any]
    folder: Path

    def network(self) -> dict[str, Tensor]:
        """Return the network's tensors."""
        return _load(self.folder / _NETWORK)

    def optimizer(self) -> dict[str, Tensor]:
        """Return the optimiser's tensors."""
        return _load(self.folder / _STATE)


def save_checkpoint(
    folder: Path, *, step: int, network: nn.Module, optimizer: Mapping[str, Tensor], position: Mapping[str, Any]
) -> None:
    """Write a checkpoint under ``folder`` and remove older ones once it stands.

    Raises:
        OutputError: If it cannot be written; the older checkpoint stays.
    """
    target = folder / f"{_PREFIX}{step:08d}"
    with atomic_directory(target) as partial:
        write_tensors(partial / _NETWORK, network.state_dict())
        write_tensors(partial / _STATE, optimizer)
        (partial / _POSITION).write_text(json.dumps({"step": step, **position}, allow_nan=False), encoding="utf-8")
    for old in _folders(folder):
        if old != target:
            shutil.rmtree(old, ignore_errors=True)


def newest_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the newest whole checkpoint under ``folder``, or None.

    Raises:
        TrainingError: If its description cannot be read.
    """
    folders = _folders(folder)
    if not folders:
        return None
    path = folders[-1] / _POSITION
    try:
        position = json.loads(path.read_text(encoding="utf-8"))
        return Checkpoint(step=int(position["step"]), position=position, folder=folders[-1])
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(
            f"{path}: cannot be read ({error}); delete {folders[-1]} and start the training again"
        ) from error


def load_network(network: nn.Module, tensors: Mapping[str, Tensor], *, where: Path) -> None:
    """Fill ``network`` in place.

    Raises:
        TrainingError: If the tensors are of another network.
    """
    try:
        with torch.no_grad():
            network.load_state_dict(dict(tensors))
    except RuntimeError as error:
        raise TrainingError(f"{where}: does not fit the network: {error}") from error


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name.startswith(_PREFIX))


def _load(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise TrainingError(
            f"{path}: cannot be read ({error}); delete {path.parent} and start the training again"
        ) from error
