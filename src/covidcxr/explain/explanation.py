"""What is said about one image's heat map: where it lies, and whether it can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.types import PreprocessSpec, Radiograph
from covidcxr.explain.faithfulness import Checks
from covidcxr.explain.focus import (
    MIN_LUNG_FRACTION,
    counted,
    describe_zones,
    peak_hits,
    positive,
    seen_part,
    share_inside,
    to_film,
)
from covidcxr.explain.focus import zone_shares as shares_of
from covidcxr.imaging.lungs.segment import Box, LungFields
from covidcxr.imaging.lungs.zones import Zone, lung_zones
from covidcxr.imaging.overlays import heat_overlay


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Explanation:
    """One image's heat map for one class.

    Attributes:
        record_id: The sample's record_id, or the input's path.
        method: Name in ``METHODS``.
        target: The class that is explained, with its calibrated ``probability``.
        signed: float32 (h, w): the method's own map of the network's input, evidence against the class below 0.
        heat: float32 (H, W) in [0, 1]: the part above 0, on the image.
        lungs: The image's lung fields.
        lung_fraction: Share of ``heat`` inside the lungs, of places at least a fifth as hot as the hottest; None
            without lungs or without heat.
        chance: The lungs' share of what the network saw of the image: what a map that means nothing would score.
        peak_in_lungs: Whether the hottest place lies in the lungs; None without lungs or without heat.
        zones: Share of that heat inside the lungs by zone.
        where: The strongest zones in words, "right lower, right middle"; empty if none.
        checks: Faithfulness, if asked for.
        failed: Why it cannot be believed; empty if nothing speaks against it.
    """

    record_id: str
    method: str
    target: str
    probability: float
    signed: NDArray[np.float32]
    heat: NDArray[np.float32]
    lungs: LungFields
    lung_fraction: float | None
    chance: float
    peak_in_lungs: bool | None
    zones: Mapping[Zone, float] = field(default_factory=dict)
    where: str = ""
    checks: Checks | None = None
    failed: tuple[str, ...] = ()

    def overlay(self, pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the image (H, W) in [0, 1] under the heat, as RGB, framed and marked if the explanation failed."""
        return heat_overlay(pixels, self.heat, self.lungs, failed="; ".join(_short(self.failed)))


def judge(
    radiograph: Radiograph,
    signed: NDArray[np.float32],
    lungs: LungFields,
    *,
    spec: PreprocessSpec,
    method: str,
    target: str,
    probability: float,
    region: Box | None = None,
    checks: Checks | None = None,
) -> Explanation:
    """Return what the map ``signed`` (h, w) of the network's input means on the image it came from.

    ``region`` is the box (x, y, width, height) of the image that the network saw; None for all of it.

    Raises:
        ExplainError: If the lung fields belong to an image of another size.
    """
    rows, columns = radiograph.pixels.shape
    heat = positive(to_film(signed, spec, (rows, columns), region))
    hot = counted(heat)
    fraction = share_inside(hot, lungs.both) if lungs.found else None
    chance = float(lungs.both[seen_part(spec, (rows, columns), region)].mean())
    zones = shares_of(hot, lung_zones(lungs)) if lungs.found else {}
    return Explanation(
        record_id=radiograph.origin,
        method=method,
        target=target,
        probability=probability,
        signed=signed,
        heat=heat,
        lungs=lungs,
        lung_fraction=fraction,
        chance=chance,
        peak_in_lungs=peak_hits(heat, lungs.both) if lungs.found and heat.any() else None,
        zones=zones,
        where=describe_zones(zones),
        checks=checks,
        failed=_failures(heat, lungs, fraction, chance, checks),
    )


def _failures(
    heat: NDArray[np.float32], lungs: LungFields, fraction: float | None, chance: float, checks: Checks | None
) -> tuple[str, ...]:
    if not heat.any():
        return ("no-evidence: nothing on the image speaks for the class",)
    failures = []
    if not lungs.found:
        failures.append(f"no-lungs: {'; '.join(lungs.reasons)}")
    elif fraction is not None and fraction < max(MIN_LUNG_FRACTION, chance):
        by_chance = f"; {chance:.0%} would by chance" if fraction >= MIN_LUNG_FRACTION else ""
        failures.append(f"outside-lungs: {fraction:.0%} of the evidence lies inside the lungs{by_chance}")
    return (*failures, *(checks.failed if checks else ()))


def _short(failures: tuple[str, ...]) -> list[str]:
    return [failure if failure.startswith("outside") else failure.partition(":")[0] for failure in failures]
