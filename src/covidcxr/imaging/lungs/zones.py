"""Zones of the lung fields, with a radiologist's names.

The fields themselves come from `covidcxr.imaging.lungs.segment`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from covidcxr.imaging.lungs.segment import LungFields

Zone = Literal["right upper", "right middle", "right lower", "left upper", "left middle", "left lower"]
ZONES: tuple[Zone, ...] = ("right upper", "right middle", "right lower", "left upper", "left middle", "left lower")
_THIRDS = ("upper", "middle", "lower")


def lung_zones(fields: LungFields) -> dict[Zone, NDArray[np.bool_]]:
    """Return each zone's bool (H, W): every lung cut into thirds of its own height.

    This is the six-zone scheme of scores such as Brixia (Borghesi 2020, doi:10.1007/s11547-020-01200-3),
    whose lines (aortic arch, inferior pulmonary vein) thirds stand in for. All are empty where no lungs were found.
    """
    zones: dict[Zone, NDArray[np.bool_]] = {}
    for side, lung in (("right", fields.right), ("left", fields.left)):
        rows = np.flatnonzero(lung.any(axis=1))
        top, bottom = (int(rows[0]), int(rows[-1]) + 1) if rows.size else (0, 0)
        lines = [top + round(third * (bottom - top) / 3) for third in range(4)]
        for third, name in enumerate(_THIRDS):
            zone = np.zeros_like(lung)
            band = slice(lines[third], lines[third + 1])
            zone[band] = lung[band]
            zones[_zone(side, name)] = zone
    return zones


def _zone(side: str, third: str) -> Zone:
    return next(zone for zone in ZONES if zone == f"{side} {third}")
