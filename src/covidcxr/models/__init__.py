"""One file per architecture, and the bundle that carries a trained one.

``MODELS`` names the architectures; importing this package does not import torch, because a bundle that is run by
ONNX Runtime never needs it. How networks are trained is not known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from covidcxr.core.registry import Registry

if TYPE_CHECKING:
    from covidcxr.models.network import ChestNetwork

MODELS: Registry[type[ChestNetwork]] = Registry("network", "covidcxr.models")
