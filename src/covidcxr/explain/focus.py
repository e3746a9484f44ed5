"""Where on the image the attribution lies: share inside the lungs, by zone, and whether its peak hits.

Pure functions on arrays; which method made the heat map is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import ExplainError
from covidcxr.core.types import PreprocessSpec
from covidcxr.imaging.lungs.segment import Box
from covidcxr.imaging.lungs.zones import Zone

MIN_LUNG_FRACTION = 0.5
COUNTED_FROM = 0.2  # of the peak: the cut of Zhou 2016, arXiv:1512.04150, section 3.2, for localising by heat maps
_MIN_ZONE_SHARE = 0.2


def seen_part(spec: PreprocessSpec, shape: tuple[int, int], region: Box | None = None) -> NDArray[np.bool_]:
    """Return the part (H, W) of the image that the network saw; ``region`` as in `to_film`."""
    return to_film(np.ones((1, 1), np.float32), spec, shape, region) > 0.0


def to_film(
    heat: NDArray[np.float32], spec: PreprocessSpec, shape: tuple[int, int], region: Box | None = None
) -> NDArray[np.float32]:
    """Return a map (h, w) of the network's input as one of the image (H, W); 0 where the crop had cut the image.

    The inverse of `covidcxr.imaging.preprocess.squeeze`: enlarged linearly to the part that was kept, and put back
    where it came from. ``region`` is the box (x, y, width, height) that was seen; None for all of the image.
    """
    x, y, width, height = region or (0, 0, shape[1], shape[0])
    rows, columns = max(1, round(height * spec.crop)), max(1, round(width * spec.crop))
    top, left = y + (height - rows) // 2, x + (width - columns) // 2
    enlarged = cv2.resize(heat.astype(np.float32), (columns, rows), interpolation=cv2.INTER_LINEAR)
    film = np.zeros(shape, dtype=np.float32)
    film[top : top + rows, left : left + columns] = enlarged
    return film


def positive(signed: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the part above zero scaled to a largest value of 1; all zero if there is none."""
    above = np.maximum(signed, 0.0)
    peak = float(above.max()) if above.size else 0.0
    if not np.isfinite(peak) or peak <= 0.0:
        return np.zeros_like(signed, dtype=np.float32)
    return np.asarray(above / peak, np.float32)


def counted(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the map without what is below `COUNTED_FROM` of its peak, the haze that a coarse map has everywhere."""
    floor = COUNTED_FROM * max(0.0, float(heat.max(initial=0.0)))
    return np.where(heat >= floor, np.maximum(heat, np.float32(0)), np.float32(0))


def share_inside(heat: NDArray[np.float32], mask: NDArray[np.bool_]) -> float | None:
    """Return the share of the positive attribution that lies inside ``mask``, in [0, 1]; None if there is none.

    Raises:
        ExplainError: If map and mask differ in size.
    """
    _check_sizes(heat, mask)
    above = np.maximum(heat, 0.0)
    total = float(above.sum(dtype=np.float64))
    return float(above[mask].sum(dtype=np.float64)) / total if total > 0.0 else None


def zone_shares(heat: NDArray[np.float32], zones: Mapping[Zone, NDArray[np.bool_]]) -> dict[Zone, float]:
    """Return each zone's share of the positive attribution that lies in any zone; all 0 if there is none.

    Raises:
        ExplainError: If map and masks differ in size.
    """
    shares = {}
    for zone, mask in zones.items():
        _check_sizes(heat, mask)
        shares[zone] = float(np.maximum(heat[mask], 0.0).sum(dtype=np.float64))
    total = sum(shares.values())
    return {zone: share / total if total > 0.0 else 0.0 for zone, share in shares.items()}


def describe_zones(shares: Mapping[Zone, float]) -> str:
    """Return the zones that hold at least a fifth of it, the strongest first: "right lower, right middle"."""
    named = sorted((zone for zone in shares if shares[zone] >= _MIN_ZONE_SHARE), key=lambda zone: -shares[zone])
    return ", ".join(named)


def peak_hits(heat: NDArray[np.float32], mask: NDArray[np.bool_], *, tolerance: int = 0) -> bool:
    """Return whether the highest place lies in ``mask`` (the pointing game, Zhang 2016, arXiv:1608.00507).

    Args:
        heat: (H, W).
        mask: bool (H, W).
        tolerance: Pixels by which the peak may miss.

    Raises:
        ExplainError: If map and mask differ in size.
    """
    _check_sizes(heat, mask)
    if float(heat.max()) <= 0.0:
        return False
    row, column = np.unravel_index(int(np.argmax(heat)), heat.shape)
    around = mask[
        max(0, int(row) - tolerance) : int(row) + tolerance + 1,
        max(0, int(column) - tolerance) : int(column) + tolerance + 1,
    ]
    return bool(around.any())


def rank_agreement(first: NDArray[np.float32], second: NDArray[np.float32], *, cells: int = 16) -> float:
    """Return Spearman's correlation of two maps, each averaged into ``cells`` x ``cells``; 0 if one is constant."""
    from scipy.stats import rankdata

    ranks = [
        rankdata(cv2.resize(one.astype(np.float32), (cells, cells), interpolation=cv2.INTER_AREA).ravel())
        for one in (first, second)
    ]
    spread = [rank - rank.mean() for rank in ranks]
    norm = float(np.sqrt((spread[0] ** 2).sum() * (spread[1] ** 2).sum()))
    return float((spread[0] * spread[1]).sum() / norm) if norm > 0.0 else 0.0


def _check_sizes(heat: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
    if heat.shape != mask.shape:
        raise ExplainError(f"a heat map of {heat.shape} and a mask of {mask.shape}; expected one size")
