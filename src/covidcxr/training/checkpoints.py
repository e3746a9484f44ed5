"""Checkpoints: weights and optimiser state as safetensors, the rest as JSON, written whole or not at all.

A checkpoint is a folder ``step-00000163``; the newest whole one is where a training goes on. Because everything
random follows from (seed, epoch, step), a training that goes on repeats exactly what an uninterrupted one does.
Numbers that are none are never written.
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

from covidcxr.core.artefacts import atomic_directory, writing_to
from covidcxr.core.errors import DivergedError, OutputError, TrainingError
from covidcxr.models.tensor_file import write_tensors

_PREFIX = "step-"
_STANDING = 2  # the last one, and the one being written
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
    folder: Path,
    *,
    step: int,
    keep_step: int,
    network: nn.Module,
    optimizer: Mapping[str, Tensor],
    position: Mapping[str, Any],
) -> None:
    """Write a checkpoint under ``folder`` and remove older ones once it stands, but for the one of ``keep_step``.

    Raises:
        DivergedError: If a number in it is none; the older checkpoints stay.
        OutputError: If it cannot be written; the older checkpoints stay.
    """
    for name, tensor in (*network.state_dict().items(), *optimizer.items()):
        if tensor.is_floating_point() and not torch.isfinite(torch.stack(torch.aminmax(tensor.detach()))).all():
            raise DivergedError(f"{name} holds a value that is no number after step {step}")
    target = _folder(folder, step)
    with atomic_directory(target) as partial:
        write_tensors(partial / _NETWORK, network.state_dict())
        write_tensors(partial / _STATE, optimizer)
        (partial / _POSITION).write_text(json.dumps({"step": step, **position}, allow_nan=False), encoding="utf-8")
    for old in _folders(folder):
        if old not in (target, _folder(folder, keep_step)):
            shutil.rmtree(old, ignore_errors=True)


def check_room(folder: Path, *, num_bytes: int) -> None:
    """Make ``folder``; refuse to begin where checkpoints of ``num_bytes`` each have no room beside each other.

    An old one goes only once the new one stands; what lies there already is counted as room.

    Raises:
        OutputError: If the disk has not that much space left, or the folder cannot be made.
    """
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    with writing_to(folder):
        disk = shutil.disk_usage(place)
        there = sum(file.stat().st_size for old in _folders(folder) for file in old.iterdir())
    needed = _STANDING * num_bytes - there
    if disk.total and disk.free < needed:
        raise OutputError(
            f"{folder}: {disk.free / 1e6:,.0f} MB are free, the checkpoints of this training need up to "
            f"{needed / 1e6:,.0f} MB; free some space, or choose another place with --out"
        )
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)


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


def good_weights(folder: Path) -> Path | None:
    """Return the file of the network's tensors at the end of the last whole epoch, else of the newest checkpoint."""
    folders = _folders(folder)
    return folders[0] / _NETWORK if folders else None


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


def _folder(folder: Path, step: int) -> Path:
    return folder / f"{_PREFIX}{step:08d}"


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
