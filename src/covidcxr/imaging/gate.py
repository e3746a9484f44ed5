"""The input gate: says ``ok``, ``warn`` or ``refuse`` of one input, with named reasons and scores.

A picture that is not a frontal chest film must never get a probability. Nothing is repaired silently: a film that is
inverted or turned is refused with the suggestion, and turned by `right_film` only when the caller asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import ImageReadError
from covidcxr.core.types import Radiograph, View
from covidcxr.imaging.gate_kinds import KINDS, Kind, KindAnswer, picture_kinds
from covidcxr.imaging.gate_marks import drawn_marks
from covidcxr.imaging.lungs import LungFields, segment_lungs_batch
from covidcxr.imaging.reading import read

Verdict = Literal["ok", "warn", "refuse"]
Repair = Literal["", "invert", "turn-90", "turn-180", "turn-270"]

MIN_SIDE = 64  # pixels; refused below
FEW_PIXELS = 200  # warned of below
_BLANK_DEVIATION = 0.01
_BLANK_SHARE = 0.97  # of pixels that have one and the same value
_MIN_FRONTAL = 0.5
_SURE_FRONTAL = 0.85
_MAX_ASPECT = 2.2
_FAR = 1.0  # in multiples of the distance below which 99 % of held-out frontal films lie
_TOO_FAR = 2.5
_MIN_CONFIDENCE = 0.85
_BATCH = 16

_REPAIRS: dict[Kind, tuple[Repair, str]] = {
    "inverted": ("invert", "bone is dark; invert the film"),
    "turned-90": ("turn-270", "turned by 90 degrees; turn it 90 degrees anticlockwise"),
    "turned-180": ("turn-180", "upside down; turn it by 180 degrees"),
    "turned-270": ("turn-90", "turned by 270 degrees; turn it 90 degrees clockwise"),
}
_NAMES: dict[Kind, tuple[str, str]] = {
    "lateral": ("lateral", "a lateral film; expected a frontal one"),
    "ct": ("ct-or-mr", "a CT or MR slice; expected a projection radiograph"),
    "other-picture": ("not-a-radiograph", "a photograph, drawing, page or chart; expected a radiograph"),
    "other-radiograph": ("not-a-chest", "a radiograph without a chest; expected a frontal chest film"),
    "collage": ("collage", "several pictures in one; give each film as a file of its own"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class GateReason:
    """One named reason, its verdict, and what was found and expected."""

    name: str
    verdict: Verdict
    detail: str

    def __str__(self) -> str:
        """Return "name: detail"."""
        return f"{self.name}: {self.detail}"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class GateResult:
    """What the gate says of one input.

    Attributes:
        origin: What a person would call the input.
        verdict: The gravest of the reasons; ``ok`` without any.
        reasons: The gravest first.
        scores: Named numbers behind it: ``frontal`` and every other kind's probability, ``distance``,
            ``lung_confidence``.
        repair: What would make a refused film right: ``invert``, or how far to turn it clockwise; empty if nothing.
        lungs: The lung fields, if they were looked for.
    """

    origin: str
    verdict: Verdict
    reasons: tuple[GateReason, ...] = ()
    scores: dict[str, float] = field(default_factory=dict)
    repair: Repair = ""
    lungs: LungFields | None = None


def gate(source: Path | bytes | BinaryIO | Radiograph, *, origin: str | None = None) -> GateResult:
    """Judge one input; what cannot be read as an image is refused too, never an exception.

    Raises:
        BundleError: If the weights that ship with covidcxr are missing or altered.
    """
    return next(gate_all([source], origins=None if origin is None else [origin]))


def gate_all(
    sources: Iterable[Path | bytes | BinaryIO | Radiograph], *, origins: Iterable[str] | None = None
) -> Iterator[GateResult]:
    """Judge many inputs in order, a batch at a time through the networks.

    Raises:
        BundleError: As `gate`.
    """
    names = iter(origins) if origins is not None else None
    batch: list[Radiograph | GateResult] = []
    for source in sources:
        batch.append(_opened(source, None if names is None else next(names)))
        if len(batch) == _BATCH:
            yield from _judge(batch)
            batch = []
    yield from _judge(batch)


def gate_film(radiograph: Radiograph, *, lungs: LungFields | None = None) -> GateResult:
    """Judge one film that is read already; ``lungs`` are its lung fields, if they are known.

    Raises:
        BundleError: As `gate`.
    """
    return next(_judge([radiograph], lungs=lungs))


def right_film(radiograph: Radiograph, result: GateResult) -> Radiograph:
    """Return the film with the suggested repair made, and a warning that says so; unchanged if there is none."""
    if not result.repair:
        return radiograph
    changes: dict[Repair, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
        "invert": lambda pixels: np.asarray(1.0 - pixels, np.float32),
        "turn-90": lambda pixels: np.rot90(pixels, 3),
        "turn-180": lambda pixels: np.rot90(pixels, 2),
        "turn-270": lambda pixels: np.rot90(pixels, 1),
    }
    pixels = np.ascontiguousarray(changes[result.repair](radiograph.pixels))
    said = "inverted on request" if result.repair == "invert" else f"turned on request: {result.repair}"
    spacing = radiograph.spacing_mm
    if spacing is not None and result.repair in ("turn-90", "turn-270"):
        spacing = (spacing[1], spacing[0])
    return replace(radiograph, pixels=pixels, spacing_mm=spacing, warnings=(*radiograph.warnings, said))


def _opened(source: Path | bytes | BinaryIO | Radiograph, origin: str | None) -> Radiograph | GateResult:
    if isinstance(source, Radiograph):
        return source
    try:
        return read(source, origin=origin)
    except ImageReadError as error:
        reason = GateReason(name="not-an-image", verdict="refuse", detail=f"{error.reason}: {error}")
        name = origin or (str(source) if isinstance(source, Path) else "<bytes>")
        return GateResult(origin=name, verdict="refuse", reasons=(reason,))


def _judge(batch: Sequence[Radiograph | GateResult], *, lungs: LungFields | None = None) -> Iterator[GateResult]:
    first = [_first_look(item) if isinstance(item, Radiograph) else () for item in batch]
    films = [
        item
        for item, reasons in zip(batch, first, strict=True)
        if isinstance(item, Radiograph) and not any(reason.verdict == "refuse" for reason in reasons)
    ]
    answers = iter(picture_kinds([film.pixels for film in films]))
    fields = iter([lungs] if lungs is not None and films else segment_lungs_batch(films))
    for item, reasons in zip(batch, first, strict=True):
        if isinstance(item, GateResult):
            yield item
        elif any(reason.verdict == "refuse" for reason in reasons):
            yield _result(item.origin, reasons)
        else:
            yield _second_look(item, reasons, next(answers), next(fields))


def _first_look(film: Radiograph) -> tuple[GateReason, ...]:
    """Return what size and gray values alone say."""
    rows, columns = film.pixels.shape
    if min(rows, columns) < MIN_SIDE:
        return (_refuse("too-small", f"{rows} x {columns} pixels, expected at least {MIN_SIDE} on each side"),)
    deviation = float(film.pixels.std())
    sample = np.round(film.pixels[:: max(1, rows // 256), :: max(1, columns // 256)] * 255).astype(np.int64)
    commonest = float(np.bincount(np.clip(sample.ravel(), 0, 255), minlength=256).max() / sample.size)
    if deviation < _BLANK_DEVIATION or commonest > _BLANK_SHARE:
        return (_refuse("blank", f"one gray value covers {commonest:.0%} of the picture"),)
    reasons = []
    if film.view is View.LATERAL:
        reasons.append(_refuse("lateral", "its header says lateral; expected a frontal film"))
    if min(rows, columns) < FEW_PIXELS:
        reasons.append(_warn("few-pixels", f"{rows} x {columns} pixels; detail is lost below {FEW_PIXELS}"))
    aspect = max(rows, columns) / min(rows, columns)
    if aspect > _MAX_ASPECT:
        reasons.append(_warn("aspect", f"{aspect:.1f} times as long as wide; expected at most {_MAX_ASPECT}"))
    return tuple(reasons)


def _second_look(
    film: Radiograph, reasons: tuple[GateReason, ...], answer: KindAnswer, lungs: LungFields
) -> GateResult:
    """Return what the networks say too."""
    scores: dict[str, float] = {kind: round(answer.probability(kind), 4) for kind in KINDS}
    scores |= {"distance": round(answer.distance, 3), "lung_confidence": round(lungs.confidence, 4)}
    kind = KINDS[int(answer.probabilities.argmax())]
    repair: Repair = ""
    found = list(reasons)
    if answer.probability("frontal") < _MIN_FRONTAL:
        kind = max((other for other in KINDS if other != "frontal"), key=answer.probability)
        repair, _ = _REPAIRS.get(kind, ("", ""))
        found.append(_kind_reason(kind, answer))
    elif not lungs.found:
        found.append(_refuse("no-lungs", f"no two lung fields ({'; '.join(lungs.reasons)})"))
    else:
        found += _doubts(film, answer, lungs)
    if answer.distance > _TOO_FAR and not any(reason.verdict == "refuse" for reason in found):
        found.append(_refuse("unlike-training", f"{answer.distance:.1f} times as far from known films as 99 % of them"))
    result = _result(film.origin, tuple(found))
    return replace(result, scores=scores, repair=repair, lungs=lungs)


def _kind_reason(kind: Kind, answer: KindAnswer) -> GateReason:
    share = f"(probability {answer.probability(kind):.2f}, frontal {answer.probability('frontal'):.2f})"
    if kind in _REPAIRS:
        return _refuse("inverted" if kind == "inverted" else "rotated", f"{_REPAIRS[kind][1]} {share}")
    name, detail = _NAMES[kind]
    return _refuse(name, f"{detail} {share}")


def _doubts(film: Radiograph, answer: KindAnswer, lungs: LungFields) -> Iterator[GateReason]:
    if answer.probability("frontal") < _SURE_FRONTAL:
        second = max((other for other in KINDS if other != "frontal"), key=answer.probability)
        yield _warn("unsure", f"frontal with probability {answer.probability('frontal'):.2f}, perhaps {second}")
    if lungs.confidence < _MIN_CONFIDENCE:
        yield _warn("lungs-unsure", f"lung fields with confidence {lungs.confidence:.2f}")
    for remark in lungs.reasons:
        name, _, detail = remark.partition(": ")
        yield _warn("cropped-lungs" if name == "cut-off" else name, detail)
    if _FAR < answer.distance <= _TOO_FAR:
        yield _warn("unlike-training", f"{answer.distance:.1f} times as far from known films as 99 % of them")
    marks = drawn_marks(film.pixels, lungs)
    if marks:
        yield _warn("drawn-marks", f"{marks} letters, arrows or boxes over the lungs")


def _result(origin: str, reasons: tuple[GateReason, ...]) -> GateResult:
    ordered = tuple(sorted(reasons, key=lambda reason: reason.verdict != "refuse"))
    return GateResult(origin=origin, verdict=ordered[0].verdict if ordered else "ok", reasons=ordered)


def _refuse(name: str, detail: str) -> GateReason:
    return GateReason(name=name, verdict="refuse", detail=detail)


def _warn(name: str, detail: str) -> GateReason:
    return GateReason(name=name, verdict="warn", detail=detail)
