"""What lung fields are used for: a crop around them, zones with a radiologist's names, and masks for audits.

How the fields are found is known to `covidcxr.imaging.lungs.segment`.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.lungs.segment import LungFields

Zone = Literal["right upper", "right middle", "right lower", "left upper", "left middle", "left lower"]
ZONES: tuple[Zone, ...] = ("right upper", "right middle", "right lower", "left upper", "left middle", "left lower")
_THIRDS = ("upper", "middle", "lower")

Value = TypeVar("Value", bound=np.generic)


def lung_zones(fields: LungFields) -> dict[Zone, NDArray[np.bool_]]:
    """Return each zone's bool (H, W): every lung cut into thirds of its own height.

    This is the six-zone scheme of chest film scores such as Brixia (Borghesi 2020, doi:10.1007/s11547-020-01200-3),
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


def crop_to_lungs(
    pixels: NDArray[Value], fields: LungFields, *, margin: float = 0.08
) -> tuple[NDArray[Value], tuple[int, int, int, int]]:
    """Return the part of (H, W) pixels around the lungs, and its (x, y, width, height).

    Args:
        pixels: The film the fields were found on.
        fields: Its lung fields; a film without lungs comes back whole.
        margin: Added on each side, as a share of the box's longer side.

    Raises:
        ImageReadError: If the fields belong to a film of another size.
    """
    check_same_size(pixels, fields)
    rows, columns = pixels.shape
    if fields.box is None:
        return pixels, (0, 0, columns, rows)
    x, y, width, height = fields.box
    extra = round(margin * max(width, height))
    left, top = max(0, x - extra), max(0, y - extra)
    right, bottom = min(columns, x + width + extra), min(rows, y + height + extra)
    return pixels[top:bottom, left:right], (left, top, right - left, bottom - top)


def blackout_lungs(pixels: NDArray[Value], fields: LungFields, *, keep: Literal["lungs", "rest"]) -> NDArray[Value]:
    """Return a copy of (H, W) pixels with everything but ``keep`` set to 0, for audits.

    Raises:
        ImageReadError: If the fields belong to a film of another size.
    """
    check_same_size(pixels, fields)
    kept = fields.both if keep == "lungs" else ~fields.both
    blacked: NDArray[Value] = np.where(kept, pixels, np.zeros_like(pixels))
    return blacked


def check_same_size(pixels: NDArray[Value], fields: LungFields) -> None:
    """Raise unless fields and (H, W) pixels belong together.

    Raises:
        ImageReadError: If their sizes differ; the message names both.
    """
    if pixels.shape != fields.right.shape:
        raise ImageReadError(
            f"a lung mask of {fields.right.shape} pixels for a film of {pixels.shape}; expected one size: segment this "
            "film, or scale the mask to it first",
            reason="mask-size",
        )
