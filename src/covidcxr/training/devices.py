"""Where a training runs and in which precision, through Lightning Fabric.

Under ``torchrun`` the processes it started are joined with DDP (gloo on CPUs, NCCL on GPUs); otherwise there is one.
"""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from lightning_fabric import Fabric

from covidcxr.core.errors import TrainingError
from covidcxr.models.devices import has_fast_bfloat16

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
_DEVICES = ("auto", "cpu", "cuda", "mps")
_DTYPES = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


Precision = Literal["auto", "float32", "bfloat16", "float16"]


def start_fabric(device: str, precision: Precision) -> Fabric:
    """Return a launched Fabric for a device name and a precision of the recipe.

    Raises:
        TrainingError: If there is no such device here, or not this precision on it.
    """
    accelerator = _accelerator(device)
    if precision == "float16" and accelerator != "cuda":
        raise TrainingError(
            f"training.precision float16 needs a CUDA GPU, found {accelerator}; take bfloat16, float32 or auto"
        )
    if accelerator == "cpu":
        keep_freed_memory()
    wants_bfloat16 = precision == "bfloat16" or (precision == "auto" and has_fast_bfloat16(accelerator))
    num_processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    num_nodes = int(os.environ.get("WORLD_SIZE", "1")) // num_processes
    with warnings.catch_warnings(), _quiet_fabric():
        warnings.simplefilter("ignore")  # advice on faster devices, which the caller did not ask for
        fabric = Fabric(
            accelerator=accelerator,
            devices=num_processes if num_processes > 1 or accelerator == "cpu" else 1,
            num_nodes=max(num_nodes, 1),
            strategy="ddp" if num_processes * num_nodes > 1 else "auto",
            precision="16-mixed" if precision == "float16" else "bf16-mixed" if wants_bfloat16 else "32-true",
        )
        fabric.launch()
    return fabric


@contextmanager
def _quiet_fabric() -> Iterator[None]:
    """Keep Fabric's own words about precision and processes off the terminal."""
    logger = logging.getLogger("lightning_fabric")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def keep_freed_memory() -> bool:
    """Tell glibc to reuse freed blocks of any size instead of handing them back to the system; return if it did.

    A training step frees and takes some 400 MB of activations; fetching their pages anew each step costs about
    28 ms of kernel time. Other C libraries are left as they are.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    kept = libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30) and libc.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)
    return bool(kept)


def passes_dtype(fabric: Fabric) -> torch.dtype:
    """Return the precision of the passes through a network."""
    return _DTYPES.get(str(fabric._precision.precision), torch.float32)


def device_words(fabric: Fabric) -> str:
    """Return the device and precision as a report names them: ``cpu, 2 threads, bfloat16``."""
    precision = str(passes_dtype(fabric)).removeprefix("torch.")
    if fabric.device.type == "cuda":
        return f"{torch.cuda.get_device_name(fabric.device)}, {precision}"
    words = f"{fabric.device.type}, {torch.get_num_threads()} threads, {precision}"
    return words if fabric.world_size == 1 else f"{words}, {fabric.world_size} processes"


def _accelerator(device: str) -> str:
    if device not in _DEVICES:
        raise TrainingError(f"device {device!r} is none of {', '.join(_DEVICES)}")
    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return "cuda" if here["cuda"] else "mps" if here["mps"] else "cpu"
    if not here[device]:
        raise TrainingError(f"device {device!r} is not here (found: {', '.join(name for name in here if here[name])})")
    return device
