"""Many films explained into a folder: one overlay a film, and a row for each, whatever happens to one of them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import islice
from pathlib import Path

import numpy as np

from covidcxr.core.artefacts import atomic_file, write_bytes
from covidcxr.core.errors import ImageReadError
from covidcxr.core.types import Radiograph
from covidcxr.explain.explainer import Explainer
from covidcxr.explain.explanation import NOTICE, Explanation
from covidcxr.imaging.overlays import encode_png
from covidcxr.imaging.reading import read

_CHUNK = 32
OVERLAYS = "overlays"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What the table says of one input.

    Attributes:
        input: As it was named.
        status: ``ok``; ``failed``: explained, but not to be believed; ``error``: no explanation.
        method, target, probability, lung_fraction, chance, peak_in_lungs, where: As in `Explanation`.
        reasons: Why it failed, or could not be made.
        overlay: File name below the folder; empty if none was written.
        deletion, insertion, random_deletion, random_insertion, randomised_agreement, copy_agreement: As in `Checks`,
            if they were asked for.
    """

    input: str
    status: str
    method: str
    target: str = ""
    probability: float | None = None
    lung_fraction: float | None = None
    chance: float | None = None
    peak_in_lungs: bool | None = None
    where: str = ""
    reasons: tuple[str, ...] = ()
    overlay: str = ""
    deletion: float | None = None
    insertion: float | None = None
    random_deletion: float | None = None
    random_insertion: float | None = None
    randomised_agreement: float | None = None
    copy_agreement: float | None = None
    notice: str = NOTICE


Chunk = list[tuple[str, Path]]
Explained = tuple[Row, str, bytes]  # a row, its file's stem, and its overlay as PNG, empty if there is none
Engine = Callable[[Iterator[Chunk]], Iterator[list[Explained]]]


def explain_files(
    explainer: Explainer,
    inputs: Iterable[tuple[str, Path]],
    out: Path,
    *,
    target: str | None = None,
    checks: bool = False,
    engine: Engine | None = None,
) -> Iterator[Row]:
    """Yield a row for each (record_id, file), its overlay written below ``out``; input that fails gives an error row.

    Args:
        explainer: The loaded network and method.
        inputs: Taken a chunk at a time.
        out: The folder.
        target: Class to explain; the predicted one by default.
        checks: Whether each explanation is put to the test.
        engine: Explains every chunk, in order, somewhere else; ``explainer`` itself by default.

    Raises:
        ExplainError: If the network cannot be explained by this method at all.
        DatasetError: If ``target`` is no class of the bundle.
        OutputError: If ``out`` cannot be written.
    """
    taken: set[str] = set()

    def here(chunks: Iterator[Chunk]) -> Iterator[list[Explained]]:
        return (explain_chunk(explainer, chunk, target=target, checks=checks) for chunk in chunks)

    for explained in (engine or here)(_chunks(inputs)):
        for row, stem, overlay in explained:
            if not overlay:
                yield row
                continue
            name = _free_name(stem, taken)
            write_bytes(out / OVERLAYS / name, overlay)
            yield replace(row, overlay=f"{OVERLAYS}/{name}")


def explain_chunk(
    explainer: Explainer, chunk: Sequence[tuple[str, Path]], *, target: str | None = None, checks: bool = False
) -> list[Explained]:
    """Explain a few (record_id, file); nothing is written.

    Raises:
        ExplainError: If the network cannot be explained by this method at all.
        DatasetError: If ``target`` is no class of the bundle.
    """
    films = [_film(record_id, path, explainer.method_name) for record_id, path in chunk]
    readable = [film for film in films if isinstance(film, Radiograph)]
    explanations = explainer.explain_all(readable, target=target, checks=checks)
    explained: list[Explained] = []
    for found, (record_id, path) in zip(films, chunk, strict=True):
        if isinstance(found, Row):
            explained.append((found, path.stem, b""))
            continue
        explanation = next(explanations)
        explained.append((to_row(record_id, explanation), path.stem, encode_png(explanation.overlay(found.pixels))))
    return explained


def _chunks(inputs: Iterable[tuple[str, Path]]) -> Iterator[Chunk]:
    source = iter(inputs)
    while chunk := list(islice(source, _CHUNK)):
        yield chunk


def _film(record_id: str, path: Path, method: str) -> Radiograph | Row:
    try:
        film = read(path, origin=record_id)
        if min(film.pixels.shape) < 16:
            raise ImageReadError(f"{path}: {film.pixels.shape} pixels, expected at least 16 x 16", reason="too-small")
    except ImageReadError as error:
        return Row(input=record_id, status="error", method=method, reasons=(f"{error.reason}: {error}",))
    return film


def to_row(record_id: str, explanation: Explanation, *, overlay: str = "") -> Row:
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
        reasons=explanation.failed,
        overlay=overlay,
        deletion=_rounded(checks.deletion) if checks else None,
        insertion=_rounded(checks.insertion) if checks else None,
        random_deletion=_rounded(checks.random_deletion) if checks else None,
        random_insertion=_rounded(checks.random_insertion) if checks else None,
        randomised_agreement=_rounded(checks.randomised_agreement) if checks else None,
        copy_agreement=_rounded(checks.copy_agreement) if checks else None,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """The distribution over many films.

    Attributes:
        num_films: Films with an explanation.
        num_failed: Of them, those not to be believed.
        num_errors: Inputs without one.
        lung_fraction_quartiles: 25th, 50th and 75th percentile over films with lungs; None without any.
        peak_outside: Share of films with lungs whose hottest place lies outside the lungs; None without any.
        mean_chance: Mean share of the film that is lung.
    """

    num_films: int
    num_failed: int
    num_errors: int
    lung_fraction_quartiles: tuple[float, float, float] | None
    peak_outside: float | None
    mean_chance: float | None


def summarise(rows: Iterable[Row]) -> Summary:
    """Return the distribution of the rows' figures."""
    listed = list(rows)
    made = [row for row in listed if row.status != "error"]
    fractions = [row.lung_fraction for row in made if row.lung_fraction is not None]
    peaks = [row.peak_in_lungs for row in made if row.peak_in_lungs is not None]
    chances = [row.chance for row in made if row.chance]
    quartiles = [round(float(value), 4) for value in np.percentile(fractions, [25, 50, 75])] if fractions else None
    return Summary(
        num_films=len(made),
        num_failed=sum(row.status == "failed" for row in made),
        num_errors=len(listed) - len(made),
        lung_fraction_quartiles=(quartiles[0], quartiles[1], quartiles[2]) if quartiles else None,
        peak_outside=round(1.0 - float(np.mean(peaks)), 4) if peaks else None,
        mean_chance=round(float(np.mean(chances)), 4) if chances else None,
    )


def write_table(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as CSV, reasons joined by semicolons.

    Raises:
        OutputError: If the place cannot be written.
    """
    names = [field.name for field in fields(Row)]
    with atomic_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        for row in rows:
            values = asdict(row)
            writer.writerow({**values, "reasons": "; ".join(row.reasons)})


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _free_name(stem: str, taken: set[str]) -> str:
    name, number = f"{stem}.png", 2
    while name in taken:
        name, number = f"{stem}.{number}.png", number + 1
    taken.add(name)
    return name
