"""``covidcxr gate``: whether pictures are frontal chest radiographs that may be judged at all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from covidcxr.cli.options import QuietOption, print_json, progress_for, report_left_out
from covidcxr.core.outside_text import visible

if TYPE_CHECKING:
    from covidcxr.imaging.gate.gate import GateResult

_EPILOG = "Example: covidcxr gate film.dcm folder/ --json. Research use only, not a diagnosis."


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("gate", epilog=_EPILOG)(gate)


def gate(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Images, folders, or .csv tables of paths.")],
    turn: Annotated[
        Path | None,
        typer.Option("--turn", help="Write inverted and rotated images, put right, as 8- or 16-bit PNG here."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per input on stdout.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Say ok, warn or refuse of each input, with named reasons and scores.

    Refused are what is no image, too small, blank, no radiograph, no chest, lateral, a CT slice, inverted, rotated, a
    collage, without lungs, or unlike anything known. Exit code 2 if an input was refused.
    """
    from covidcxr.core.artefacts import claim_folder, free_name
    from covidcxr.core.left_out import LEFT_OUT_FILE, LeftOut
    from covidcxr.imaging.gate.gate import gate as gate_one
    from covidcxr.inference.inputs import expand

    left_out: list[LeftOut] = []
    items = [item for item in expand(inputs, tell=left_out.append) if isinstance(item.source, Path)]
    if turn is not None:
        claim_folder(turn, "covidcxr-turned.txt", [item.source for item in items if isinstance(item.source, Path)])
    progress = progress_for(quiet=quiet or as_json)
    counts: Counter[str] = Counter()
    taken: set[str] = set()
    for item in progress.track(items, total=len(items), label="gate"):
        path = item.source
        if not isinstance(path, Path):
            continue
        result = gate_one(path, origin=item.record_id)
        counts[result.verdict] += 1
        written = None
        if turn is not None and result.repair:
            written = turn / free_name(path.stem, ".png", taken)
            _put_right(path, result, written)
        if as_json:
            print_json(_document(item.record_id, result, written))
        elif not quiet:
            _print(item.record_id, result, written)
    if not quiet and not as_json:
        typer.echo(", ".join(f"{counts[verdict]} {verdict}" for verdict in ("ok", "warn", "refuse")), err=True)
    report_left_out(left_out, None if turn is None else turn / LEFT_OUT_FILE, quiet=quiet)
    if counts["refuse"]:
        raise typer.Exit(2)


def _put_right(path: Path, result: GateResult, target: Path) -> None:
    from covidcxr.core.artefacts import write_bytes
    from covidcxr.imaging.encoding import to_uint8, to_uint16
    from covidcxr.imaging.gate.gate import right_film
    from covidcxr.imaging.overlays import encode_png
    from covidcxr.imaging.reading import read

    film = right_film(read(path), result)
    write_bytes(target, encode_png(to_uint16(film.pixels) if film.bits_stored > 8 else to_uint8(film.pixels)))


def _document(record_id: str, result: GateResult, written: Path | None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "input": record_id,
        "verdict": result.verdict,
        "reasons": [str(reason) for reason in result.reasons],
        "warnings": list(result.warnings),
        "scores": result.scores,
        "repair": result.repair,
    }
    return document | ({"turned": str(written)} if written else {})


def _print(record_id: str, result: GateResult, written: Path | None) -> None:
    reasons = "; ".join(result.remarks)
    typer.echo(visible(f"{result.verdict:<7} {record_id}{': ' if reasons else ''}{reasons}"))
    if written:
        typer.echo(visible(f"        put right in {written}"))
