"""What a table says of each explained image, and of all of them together."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np

from covidcxr.core.artefacts import atomic_file
from covidcxr.core.notice import NOTICE
from covidcxr.core.outside_text import cell
from covidcxr.explain.explanation import Explanation
from covidcxr.imaging.lungs.zones import ZONES, Zone

_JOINT = "; "


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What the table says of one input.

    Attributes:
        input: As it was named.
        status: ``ok``; ``failed``: explained, but not to be believed; ``refuse``: no image that may be judged;
            ``error``: could not be read.
        method, target, probability, lung_fraction, chance, peak_in_lungs, where: As in `Explanation`.
        zones: Share of the heat inside the lungs by zone; empty without lungs or heat.
        reasons: Why it failed, was refused, or could not be read.
        warnings: What a careful reader should know of the image.
        overlay: File name below the folder; empty if none was written.
        deletion, insertion, moved_deletion, moved_insertion, randomised_agreement, copy_agreement,
            method_agreement: As in `Checks`, if they were asked for.
    """

    input: str
    status: Literal["ok", "failed", "refuse", "error"]
    method: str
    target: str = ""
    probability: float | None = None
    lung_fraction: float | None = None
    chance: float | None = None
    peak_in_lungs: bool | None = None
    where: str = ""
    zones: Mapping[Zone, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    overlay: str = ""
    deletion: float | None = None
    insertion: float | None = None
    moved_deletion: float | None = None
    moved_insertion: float | None = None
    randomised_agreement: float | None = None
    copy_agreement: float | None = None
    method_agreement: Mapping[str, float] = field(default_factory=dict)
    notice: str = NOTICE


def to_row(record_id: str, explanation: Explanation, *, warnings: tuple[str, ...] = ()) -> Row:
    """Return an explanation as a row of the table."""
    checks = explanation.checks
    return Row(
        input=record_id,
        status="failed" if explanation.failed else "ok",
        method=explanation.method,
        target=explanation.target,
        probability=round(explanation.probability, 4),
        lung_fraction=_rounded(explanation.lung_fraction),
        chance=round(explanation.chance, 4),
        peak_in_lungs=explanation.peak_in_lungs,
        where=explanation.where,
        zones=_zones(explanation),
        reasons=explanation.failed,
        warnings=warnings,
        deletion=_rounded(checks.deletion) if checks else None,
        insertion=_rounded(checks.insertion) if checks else None,
        moved_deletion=_rounded(checks.moved_deletion) if checks else None,
        moved_insertion=_rounded(checks.moved_insertion) if checks else None,
        randomised_agreement=_rounded(checks.randomised_agreement) if checks else None,
        copy_agreement=_rounded(checks.copy_agreement) if checks else None,
        method_agreement={name: round(value, 4) for name, value in checks.method_agreement.items()} if checks else {},
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """The distribution over many images.

    Attributes:
        num_films: Images with an explanation.
        num_failed: Of them, those not to be believed.
        num_refused: Inputs that the gate did not let through.
        num_errors: Inputs that could not be read.
        failures: Why images failed, by the reason's name, to how many; the most frequent first.
        num_with_lungs: Images with lungs and heat; the figures below are of them.
        lung_fraction_quartiles: 25th, 50th and 75th percentile; None without any.
        peak_outside: Share whose hottest place lies outside the lungs; None without any.
        mean_chance: Mean of `Explanation.chance`.
        strongest_zones: Zone to the images in which it holds the most heat; the most frequent first.
        method_agreement: Median agreement with each other method, if checks were made.
    """

    num_films: int
    num_failed: int
    num_refused: int
    num_errors: int
    failures: Mapping[str, int]
    num_with_lungs: int
    lung_fraction_quartiles: tuple[float, float, float] | None
    peak_outside: float | None
    mean_chance: float | None
    strongest_zones: Mapping[str, int]
    method_agreement: Mapping[str, float]


def summarise(rows: Iterable[Row]) -> Summary:
    """Return the distribution of the rows' figures."""
    listed = list(rows)
    made = [row for row in listed if row.status in ("ok", "failed")]
    fractions = [row.lung_fraction for row in made if row.lung_fraction is not None]
    peaks = [row.peak_in_lungs for row in made if row.peak_in_lungs is not None]
    chances = [row.chance for row in made if row.chance]
    quartiles = [round(float(value), 4) for value in np.percentile(fractions, [25, 50, 75])] if fractions else None
    failures = Counter(reason.partition(":")[0] for row in made for reason in row.reasons)
    zones = Counter(max(row.zones, key=lambda zone: row.zones[zone]) for row in made if row.zones)
    compared: dict[str, list[float]] = {}
    for row in made:
        for name, value in row.method_agreement.items():
            compared.setdefault(name, []).append(value)
    return Summary(
        num_films=len(made),
        num_failed=sum(row.status == "failed" for row in made),
        num_refused=sum(row.status == "refuse" for row in listed),
        num_errors=sum(row.status == "error" for row in listed),
        failures=dict(failures.most_common()),
        num_with_lungs=len(peaks),
        lung_fraction_quartiles=(quartiles[0], quartiles[1], quartiles[2]) if quartiles else None,
        peak_outside=round(1.0 - float(np.mean(peaks)), 4) if peaks else None,
        mean_chance=round(float(np.mean(chances)), 4) if chances else None,
        strongest_zones=dict(zones.most_common()),
        method_agreement={name: round(float(np.median(values)), 4) for name, values in sorted(compared.items())},
    )


def document(row: Row) -> dict[str, Any]:
    """Return a row as JSON, without what is not known."""
    return {name: value for name, value in asdict(row).items() if value is not None and value != {}}


def write_table(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as CSV, lists joined by semicolons, with a column ``zone/NAME`` or ``agreement/METHOD`` for each.

    Raises:
        OutputError: If the place cannot be written.
    """
    listed = list(rows)
    methods = sorted({name for row in listed for name in row.method_agreement})
    names = [one.name for one in fields(Row) if one.name not in ("zones", "method_agreement", "notice")]
    names += [*(f"zone/{zone}" for zone in ZONES), *(f"agreement/{name}" for name in methods), "notice"]
    with atomic_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, names, extrasaction="ignore")
        writer.writeheader()
        for row in listed:
            values = asdict(row) | {f"zone/{zone}": share for zone, share in row.zones.items()}
            values |= {f"agreement/{name}": value for name, value in row.method_agreement.items()}
            values |= {"reasons": _JOINT.join(row.reasons), "warnings": _JOINT.join(row.warnings)}
            writer.writerow({name: cell(value) for name, value in values.items()})


def _zones(explanation: Explanation) -> dict[Zone, float]:
    shares = explanation.zones
    return {zone: round(share, 4) for zone, share in shares.items()} if any(shares.values()) else {}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
