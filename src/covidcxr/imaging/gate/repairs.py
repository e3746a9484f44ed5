"""What would make a refused image right: inverting it, or turning it. When either is done is decided by the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.types import Radiograph
from covidcxr.imaging.gate.kinds import Kind

Repair = Literal["", "invert", "turn-90", "turn-180", "turn-270"]

REPAIRS: dict[Kind, tuple[Repair, str, str]] = {
    "inverted": ("invert", "bone is dark", "invert the image"),
    "turned-90": ("turn-270", "turned by 90 degrees", "turn it 90 degrees anticlockwise"),
    "turned-180": ("turn-180", "upside down", "turn it by 180 degrees"),
    "turned-270": ("turn-90", "turned by 270 degrees", "turn it 90 degrees clockwise"),
}
"""Kind to what puts it right, what is wrong with it, and what to do, in words."""

_CHANGES: dict[Repair, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "invert": lambda pixels: np.asarray(1.0 - pixels, np.float32),
    "turn-90": lambda pixels: np.rot90(pixels, 3),
    "turn-180": lambda pixels: np.rot90(pixels, 2),
    "turn-270": lambda pixels: np.rot90(pixels, 1),
}


def repaired(radiograph: Radiograph, repair: Repair) -> Radiograph:
    """Return the image inverted, or turned clockwise, with a warning that says so; unchanged if ``repair`` is empty."""
    if not repair:
        return radiograph
    pixels = np.ascontiguousarray(_CHANGES[repair](radiograph.pixels))
    said = "inverted on request" if repair == "invert" else f"turned on request: {repair}"
    spacing = radiograph.spacing_mm
    if spacing is not None and repair in ("turn-90", "turn-270"):
        spacing = (spacing[1], spacing[0])
    return replace(radiograph, pixels=pixels, spacing_mm=spacing, warnings=(*radiograph.warnings, said))
