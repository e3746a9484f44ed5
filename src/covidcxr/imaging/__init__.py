"""Any file to a Radiograph: format sniffing, DICOM photometry, preprocessing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from covidcxr.imaging.reading import read, read_frames

__all__ = ["read", "read_frames"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("covidcxr.imaging.reading"), name)
    raise AttributeError(f"module 'covidcxr.imaging' has no attribute {name!r}")
