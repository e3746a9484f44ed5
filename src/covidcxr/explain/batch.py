"""Many images explained into a folder: one overlay an image, and a row for each, whatever happens to one of them.

The input gate comes first: anything that is not a frontal chest radiograph gets a row with the reason,
but no probability and no overlay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from covidcxr.core.artefacts import free_name, write_bytes
from covidcxr.core.errors import ImageReadError
from covidcxr.core.types import Radiograph
from covidcxr.explain.explainer import Explainer
from covidcxr.explain.rows import Row, to_row
from covidcxr.imaging.gate.gate import admit
from covidcxr.imaging.lungs.segment import LungFields
from covidcxr.imaging.overlays import encode_png
from covidcxr.imaging.reading import read

_CHUNK = 32
_MIN_SIDE = 16
OVERLAYS = "overlays"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is done to each image.

    Attributes:
        target: Class to explain; None takes the predicted one.
        checks: Whether each explanation is put to the test.
        is_gated: Whether anything that is not a frontal chest radiograph is refused.
        is_turned: Whether the gate turns or inverts an image that it would refuse for that alone, with a warning.
    """

    target: str | None = None
    checks: bool = False
    is_gated: bool = True
    is_turned: bool = False


Chunk = list[tuple[str, Path]]
Explained = tuple[Row, str, bytes]  # a row, its file's stem, and its overlay as PNG, empty if there is none
Engine = Callable[[Iterator[Chunk]], Iterator[list[Explained]]]


def explain_files(
    explainer: Explainer,
    inputs: Iterable[tuple[str, Path]],
    out: Path,
    wanted: Wanted,
    *,
    engine: Engine | None = None,
) -> Iterator[Row]:
    """Yield a row for each (record_id, file), its overlay written below ``out``; input that fails gives an error row.

    Args:
        explainer: The loaded network and method.
        inputs: Taken a chunk at a time.
        out: The folder.
        wanted: What is done to each.
        engine: Explains every chunk, in order, somewhere else; ``explainer`` itself by default.

    Raises:
        ExplainError: If the network cannot be explained by this method at all.
        DatasetError: If the wanted class is none of the bundle's.
        BundleError: If the gate's weights are missing or altered.
        OutputError: If ``out`` cannot be written.
    """
    taken: set[str] = set()

    def here(chunks: Iterator[Chunk]) -> Iterator[list[Explained]]:
        return (explain_chunk(explainer, chunk, wanted) for chunk in chunks)

    for explained in (engine or here)(_chunks(inputs)):
        for row, stem, overlay in explained:
            if not overlay:
                yield row
                continue
            name = free_name(stem, ".png", taken)
            write_bytes(out / OVERLAYS / name, overlay)
            yield replace(row, overlay=f"{OVERLAYS}/{name}")


def explain_chunk(explainer: Explainer, chunk: Sequence[tuple[str, Path]], wanted: Wanted) -> list[Explained]:
    """Explain a few (record_id, file); nothing is written.

    Raises:
        ExplainError, DatasetError, BundleError: As `explain_files`.
    """
    opened = [_opened(record_id, path, explainer.method_name, wanted) for record_id, path in chunk]
    films = [one for one in opened if isinstance(one, _Film)]
    lungs = [film.lungs for film in films if film.lungs is not None]
    explanations = explainer.explain_all(
        [film.radiograph for film in films],
        target=wanted.target,
        lungs=lungs if len(lungs) == len(films) else None,
        checks=wanted.checks,
    )
    explained: list[Explained] = []
    for one, (record_id, path) in zip(opened, chunk, strict=True):
        if isinstance(one, Row):
            explained.append((one, path.stem, b""))
            continue
        explanation = next(explanations)
        overlay = encode_png(explanation.overlay(one.radiograph.pixels))
        explained.append((to_row(record_id, explanation, warnings=one.warnings), path.stem, overlay))
    return explained


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Film:
    """An image that may be explained; its lungs if the gate looked for them."""

    radiograph: Radiograph
    lungs: LungFields | None = None
    warnings: tuple[str, ...] = ()


def _opened(record_id: str, path: Path, method: str, wanted: Wanted) -> _Film | Row:
    try:
        film = read(path, origin=record_id)
        if min(film.pixels.shape) < _MIN_SIDE:
            raise ImageReadError(
                f"{path}: {film.pixels.shape} pixels, expected at least {_MIN_SIDE} x {_MIN_SIDE}", reason="too-small"
            )
    except ImageReadError as error:
        return Row(input=record_id, status="error", method=method, reasons=(f"{error.reason}: {error}",))
    if not wanted.is_gated:
        return _Film(radiograph=film, warnings=film.warnings)
    film, result = admit(film, turn=wanted.is_turned)
    if result.verdict == "refuse":
        said = tuple(str(reason) for reason in result.reasons)
        return Row(input=record_id, status="refuse", method=method, reasons=said, warnings=film.warnings)
    return _Film(radiograph=film, lungs=result.lungs, warnings=result.remarks)


def _chunks(inputs: Iterable[tuple[str, Path]]) -> Iterator[Chunk]:
    source = iter(inputs)
    while chunk := list(islice(source, _CHUNK)):
        yield chunk
