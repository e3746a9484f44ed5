"""The input gate: says ``ok``, ``warn`` or ``refuse`` of one input, with named reasons and scores.

A picture that is not a frontal chest radiograph must never get a probability. Nothing is repaired silently: an image
that is inverted or turned is refused with the suggestion, and turned by `right_film` or `admit` only when the caller
asks. A repair is suggested only where it was tried and gave a frontal image.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from covidcxr.core.errors import ImageReadError
from covidcxr.core.types import Radiograph, View
from covidcxr.imaging.doubts import is_doubt
from covidcxr.imaging.gate.kinds import KINDS, Kind, KindAnswer, picture_kinds
from covidcxr.imaging.gate.marks import describe_marks
from covidcxr.imaging.gate.repairs import REPAIRS, Repair, repaired
from covidcxr.imaging.lungs.segment import LungFields, segment_lungs_batch
from covidcxr.imaging.reading import read

Verdict = Literal["ok", "warn", "refuse"]

MIN_SIDE = 64  # pixels; refused below
FEW_PIXELS = 200  # warned of below
_BLANK_DEVIATION = 0.01
_BLANK_SHARE = 0.97  # of pixels that have one and the same value
_MIN_FRONTAL = 0.5
_SURE_FRONTAL = 0.85
_MAX_ASPECT = 2.2
_FAR = 1.0  # in multiples of the distance below which 99 % of held-out frontal images lie
_TOO_FAR = 2.5
_MIN_CONFIDENCE = 0.85
_BATCH = 16

_OTHER_MODALITIES = {
    **dict.fromkeys(("CT", "MR"), "ct-or-mr"),
    **dict.fromkeys(("NM", "PT", "US"), "not-a-radiograph"),
    "MG": "not-a-chest",
}
_CHEST_WORDS = ("CHEST", "THORAX", "LUNG", "RIB")
_NAMES: dict[Kind, tuple[str, str]] = {
    "lateral": ("lateral", "a lateral image; expected a frontal one"),
    "ct": ("ct-or-mr", "a CT or MR slice; expected a projection radiograph"),
    "other-picture": ("not-a-radiograph", "a photograph, drawing, page or chart; expected a radiograph"),
    "other-radiograph": ("not-a-chest", "a radiograph without a chest; expected a frontal chest radiograph"),
    "collage": ("collage", "several pictures in one; give each image as a file of its own"),
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
        warnings: What the reader noticed, as in `Radiograph.warnings`.
        scores: Named numbers behind it: ``frontal`` and every other kind's probability, ``distance``,
            ``lung_confidence``.
        repair: What makes a refused image a frontal one, tried: ``invert``, or how far to turn it clockwise; empty if
            nothing does.
        lungs: The lung fields, if they were looked for.
    """

    origin: str
    verdict: Verdict
    reasons: tuple[GateReason, ...] = ()
    warnings: tuple[str, ...] = ()
    scores: dict[str, float] = field(default_factory=dict)
    repair: Repair = ""
    lungs: LungFields | None = None

    @property
    def remarks(self) -> tuple[str, ...]:
        """The reader's warnings and the reasons as "name: detail", each once."""
        return tuple(dict.fromkeys((*self.warnings, *map(str, self.reasons))))


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
    """Judge one image that is read already; ``lungs`` are its lung fields, if they are known.

    Raises:
        BundleError: As `gate`.
    """
    return next(_judge([radiograph], lungs=lungs))


def right_film(radiograph: Radiograph, result: GateResult) -> Radiograph:
    """Return the image with the suggested repair made, and a warning that says so; unchanged if there is none."""
    return repaired(radiograph, result.repair)


def admit(radiograph: Radiograph, *, turn: bool = False) -> tuple[Radiograph, GateResult]:
    """Judge an image, and with ``turn`` put it right if that is all that speaks against it; return it and the verdict.

    Raises:
        BundleError: As `gate`.
    """
    result = gate_film(radiograph)
    if not (turn and result.repair):
        return radiograph, result
    righted = right_film(radiograph, result)
    return righted, gate_film(righted)


def _opened(source: Path | bytes | BinaryIO | Radiograph, origin: str | None) -> Radiograph | GateResult:
    if isinstance(source, Radiograph):
        return source
    try:
        return read(source, origin=origin)
    except ImageReadError as error:
        reason = GateReason(name="not-an-image", verdict="refuse", detail=f"{error.reason}: {error}")
        name = origin or (str(source) if isinstance(source, Path) else "<bytes>")
        return GateResult(origin=name, verdict="refuse", reasons=(reason,))


def _judge(
    batch: Sequence[Radiograph | GateResult], *, lungs: LungFields | None = None, is_repaired: bool = False
) -> Iterator[GateResult]:
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
            yield _result(item, reasons)
        else:
            yield _second_look(item, reasons, next(answers), next(fields), is_repaired=is_repaired)


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
    reasons = [*_header_says(film), *_reader_doubts(film)]
    if min(rows, columns) < FEW_PIXELS:
        reasons.append(_warn("few-pixels", f"{rows} x {columns} pixels; detail is lost below {FEW_PIXELS}"))
    aspect = max(rows, columns) / min(rows, columns)
    if aspect > _MAX_ASPECT:
        reasons.append(_warn("aspect", f"{aspect:.1f} times as long as wide; expected at most {_MAX_ASPECT}"))
    return tuple(reasons)


def _header_says(film: Radiograph) -> Iterator[GateReason]:
    """Yield what a DICOM header alone speaks against (Modality: PS3.3 C.7.3.1.1.1; BodyPartExamined: PS3.16 L)."""
    if film.view is View.LATERAL:
        yield _refuse("lateral", "its header says lateral; expected a frontal image")
    if film.modality in _OTHER_MODALITIES:
        detail = f"its header says modality {film.modality}; expected a radiograph (CR, DX)"
        yield _refuse(_OTHER_MODALITIES[film.modality], detail)
    if film.body_part and not any(word in film.body_part for word in _CHEST_WORDS):
        yield _warn("body-part", f"its header says {film.body_part}; expected CHEST")


def _reader_doubts(film: Radiograph) -> Iterator[GateReason]:
    """Yield what the reader had to assume of the gray values, or saw broken."""
    for warning in film.warnings:
        if is_doubt(warning):
            name, _, detail = warning.partition(": ")
            yield _warn(name, detail)


def _second_look(
    film: Radiograph, reasons: tuple[GateReason, ...], answer: KindAnswer, lungs: LungFields, *, is_repaired: bool
) -> GateResult:
    """Return what the networks say too; ``is_repaired`` tries no repair a second time."""
    scores: dict[str, float] = {kind: round(answer.probability(kind), 4) for kind in KINDS}
    scores |= {"distance": round(answer.distance, 3), "lung_confidence": round(lungs.confidence, 4)}
    repair: Repair = ""
    found = list(reasons)
    if answer.probability("frontal") < _MIN_FRONTAL:
        kind = max((other for other in KINDS if other != "frontal"), key=answer.probability)
        if kind not in REPAIRS:
            found.append(_kind_reason(kind, film, answer))
        elif is_repaired:
            found.append(_repair_reason(kind, answer, f"{REPAIRS[kind][1]}; put it right"))
        else:
            repair, reason = _tried(kind, film, answer)
            found.append(reason)
    elif not lungs.found:
        found.append(_refuse("no-lungs", f"no two lung fields ({'; '.join(lungs.reasons)})"))
    else:
        found += _doubts(film, answer, lungs)
    if answer.distance > _TOO_FAR and not any(reason.verdict == "refuse" for reason in found):
        found.append(
            _refuse("unlike-training", f"{answer.distance:.1f} times as far from known images as 99 % of them")
        )
    result = _result(film, tuple(found))
    return replace(result, scores=scores, repair=repair, lungs=lungs)


def _kind_reason(kind: Kind, film: Radiograph, answer: KindAnswer) -> GateReason:
    name, detail = _NAMES[kind]
    if kind == "other-picture" and any(said.startswith("colour") for said in film.warnings):
        name, detail = "photograph-or-drawing", "a picture in colour; expected a radiograph"
    return _refuse(name, f"{detail} {_shares(kind, answer)}")


def _tried(kind: Kind, film: Radiograph, answer: KindAnswer) -> tuple[Repair, GateReason]:
    """Return the repair of an inverted or turned picture that gives a frontal image, or none, and what to say."""
    repair, wrong, remedy = REPAIRS[kind]
    again = next(_judge([repaired(film, repair)], is_repaired=True))
    if again.verdict != "refuse":
        return repair, _repair_reason(kind, answer, f"{wrong}; {remedy}")
    still = again.reasons[0]
    if still.name in ("inverted", "rotated"):
        also = still.detail.partition(";")[0]
        return "", _repair_reason(kind, answer, f"{wrong} and {also}; put both right")
    name = still.name if still.name in {name for name, _ in _NAMES.values()} else "not-a-radiograph"
    return "", _refuse(name, f"perhaps {wrong}, but no frontal chest radiograph when that is put right: {still.detail}")


def _repair_reason(kind: Kind, answer: KindAnswer, detail: str) -> GateReason:
    return _refuse("inverted" if kind == "inverted" else "rotated", f"{detail} {_shares(kind, answer)}")


def _shares(kind: Kind, answer: KindAnswer) -> str:
    return f"({kind} with probability {answer.probability(kind):.2f}, frontal {answer.probability('frontal'):.2f})"


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
        yield _warn("unlike-training", f"{answer.distance:.1f} times as far from known images as 99 % of them")
    marks = describe_marks(film.pixels, lungs)
    if marks:
        yield _warn("drawn-marks", marks)


def _result(film: Radiograph, reasons: tuple[GateReason, ...]) -> GateResult:
    ordered = tuple(sorted(reasons, key=lambda reason: reason.verdict != "refuse"))
    verdict = ordered[0].verdict if ordered else "ok"
    return GateResult(origin=film.origin, verdict=verdict, reasons=ordered, warnings=film.warnings)


def _refuse(name: str, detail: str) -> GateReason:
    return GateReason(name=name, verdict="refuse", detail=detail)


def _warn(name: str, detail: str) -> GateReason:
    return GateReason(name=name, verdict="warn", detail=detail)
