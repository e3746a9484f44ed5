"""Which device a network runs on; training, which asks Fabric, has its own way."""

from __future__ import annotations

import platform

from covidcxr.core.errors import BundleError


def choose_device(name: str) -> str:
    """Return the device that torch should take: ``name`` if it is here, the fastest there is for ``auto``.

    Raises:
        BundleError: If there is no such device here; the message lists those that are.
    """
    import torch

    is_there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(kind for kind, found in is_there.items() if found)
    kind, _, number = name.partition(":")
    if not is_there.get(kind, False) or (number and not _has_number(kind, number)):
        known = ", ".join(kind for kind, found in is_there.items() if found)
        raise BundleError(f"device {name!r} is not available here (available: {known}); use --device auto")
    return name


def _has_number(kind: str, number: str) -> bool:
    import torch

    count = torch.cuda.device_count() if kind == "cuda" else 1
    return number.isdecimal() and int(number) < count


def has_fast_bfloat16(accelerator: str) -> bool:
    """Return whether the device multiplies bfloat16 in hardware (AVX512-BF16 or AMX; Ampere or newer)."""
    import torch

    if accelerator == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if accelerator != "cpu" or platform.machine() not in ("x86_64", "AMD64"):
        return False
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
