"""``covidcxr lungs``: masks of the lung fields of images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from covidcxr.cli.options import QuietOption, print_json, progress_for, report_left_out

if TYPE_CHECKING:
    from covidcxr.imaging.lungs.segment import LungFields

_EXAMPLE = "Example: covidcxr lungs images/ --out masks --json. Research use only, not a diagnosis."


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("lungs", epilog=_EXAMPLE)(lungs)


def lungs(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Images, folders, or .csv tables of paths.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the masks: one PNG per image, with its stem.")],
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Also write STEM.overlay.png: the image with outlines.")
    ] = False,
    sides: Annotated[bool, typer.Option("--sides", help="Mark right lung 1, left lung 2; else both 255.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per image on stdout.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Find the lung fields of images and write them as masks.

    An image without two plausible fields (CT, lateral, photograph) gets an all-black mask and the reason; an input that
    is no readable image gets none. Exit code 2 if an input could not be read; the others are done all the same.
    """
    from covidcxr.core.artefacts import claim_folder, free_name
    from covidcxr.core.left_out import LEFT_OUT_FILE, LeftOut
    from covidcxr.inference.inputs import expand

    left_out: list[LeftOut] = []
    items = expand(inputs, tell=left_out.append)
    paths = list(dict.fromkeys(item.source for item in items if isinstance(item.source, Path)))
    failed = 0
    claim_folder(out, "covidcxr-lungs.txt", paths)
    taken: set[str] = set()
    progress = progress_for(quiet=quiet)
    for path in progress.track(paths, total=len(paths), label="lungs"):
        line = _one(path, out / free_name(path.stem, ".png", taken), overlay=overlay, sides=sides)
        failed += line["status"] == "error"
        if as_json:
            print_json(line)
        elif line["status"] != "ok" and not quiet:
            progress.message(f"{path}: {line['status']}: {'; '.join(line['reasons'])}")
    if not quiet and not as_json:
        typer.echo(f"{len(paths) - failed} images, masks in {out}; {failed} could not be read", err=True)
    report_left_out(left_out, out / LEFT_OUT_FILE, quiet=quiet)
    if failed:
        raise typer.Exit(2)


def _one(path: Path, target: Path, *, overlay: bool, sides: bool) -> dict[str, Any]:
    from covidcxr.core.errors import ImageReadError
    from covidcxr.imaging.lungs.segment import segment_lungs
    from covidcxr.imaging.reading import read

    line: dict[str, Any] = {"input": str(path), "status": "error", "mask": None}
    try:
        radiograph = read(path)
        fields = segment_lungs(radiograph)
    except ImageReadError as error:
        return line | {"reasons": [f"{error.reason}: {error}"]}
    _write(target, _mask(fields, sides=sides))
    line["mask"] = str(target)
    if overlay:
        from covidcxr.imaging.overlays import outline_lungs

        _write(target.with_suffix(".overlay.png"), outline_lungs(radiograph.pixels, fields))
    return line | _facts(fields)


def _facts(fields: LungFields) -> dict[str, Any]:
    size = fields.right.size
    return {
        "status": "ok" if fields.found else "no-lungs",
        "found": fields.found,
        "confidence": round(fields.confidence, 4),
        "reasons": list(fields.reasons),
        "box": list(fields.box) if fields.box else None,
        "right_share": round(float(fields.right.sum()) / size, 4),
        "left_share": round(float(fields.left.sum()) / size, 4),
        "rows": fields.right.shape[0],
        "columns": fields.right.shape[1],
    }


def _mask(fields: LungFields, *, sides: bool) -> Any:
    import numpy as np

    right, left = (1, 2) if sides else (255, 255)
    return np.where(fields.right, right, np.where(fields.left, left, 0)).astype(np.uint8)


def _write(target: Path, image: Any) -> None:
    from covidcxr.core.artefacts import write_bytes
    from covidcxr.imaging.overlays import encode_png

    write_bytes(target, encode_png(image))
