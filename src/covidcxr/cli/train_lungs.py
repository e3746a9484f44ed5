"""``covidcxr train-lungs``: makes the lung weights that ship with covidcxr again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from covidcxr.cli.options import JsonOption, QuietOption, SourcesOption, print_json, progress_for

_EXAMPLE = "Example: covidcxr train-lungs --masks data/lung-masks --boxes data/lung-boxes.csv --out lungs_weights"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("train-lungs", epilog=_EXAMPLE)(train_lungs)


def train_lungs(
    masks: Annotated[Path, typer.Option("--masks", help="Folder of STEM.png masks of covid-chestxray-dataset images.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for lungs.onnx, lungs.json and CARD.md.")],
    boxes: Annotated[Path | None, typer.Option("--boxes", help="The General Blockchain lung-boxes.csv.")] = None,
    sources: SourcesOption = None,
    films: Annotated[int | None, typer.Option("--films", min=16, help="Images a training, for trials.")] = None,
    children: Annotated[int, typer.Option("--children", min=0, help="Paediatric images to label itself.")] = 1500,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train the lung network on masks and on images it labels itself, measure it on other patients, and export it."""
    from dataclasses import replace

    from covidcxr.core.errors import SourceError
    from covidcxr.shipped.lungs.release import LungRelease, release_lungs
    from covidcxr.sources.lookup import find_sources_root

    root = find_sources_root(sources)
    if root is None:
        raise SourceError("no public source found; say where they are with --sources, or COVIDCXR_SOURCES")
    settings = LungRelease(children=children)
    if films is not None:
        settings = replace(
            settings, teacher=replace(settings.teacher, films=films), student=replace(settings.student, films=films)
        )
    facts = release_lungs(root, masks, boxes, out, settings, progress=progress_for(quiet=quiet))
    if as_json:
        print_json(facts)
    elif not quiet:
        measured = facts["held_out"]
        typer.echo(f"{out}: {facts['bytes']:,} bytes, Dice {measured['dice_mean']} on {measured['dice_films']} images")
