"""``covidcxr run``: the whole way from public sources to a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from covidcxr.cli.evaluate import print_reports, promised_document
from covidcxr.cli.options import (
    DeviceOption,
    JsonOption,
    QuietOption,
    RecipeArgument,
    SetOption,
    SourcesOption,
    WorkersOption,
    print_json,
    progress_for,
)


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("run", epilog="Example: covidcxr run zhong2020 --out runs/zhong2020")(run_verb)


def run_verb(
    recipe: RecipeArgument,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the run; by default runs/RECIPE.")] = None,
    sources: SourcesOption = None,
    workers: WorkersOption = None,
    device: DeviceOption = "auto",
    audit: Annotated[bool, typer.Option(help="Also run the shortcut audits, which the verdict rests on.")] = True,
    settings: SetOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compile the dataset, train, evaluate, audit and report; what is already there for the same recipe is skipped."""
    from covidcxr.core.recipe_toml import load_recipe
    from covidcxr.pipeline.run import run

    resolved = load_recipe(recipe, settings or ())
    result = run(
        resolved,
        out or Path("runs") / resolved.name,
        sources=sources,
        workers=workers,
        device=device,
        audit=audit,
        progress=progress_for(quiet=quiet or as_json),
    )
    if as_json:
        artefacts = {"dataset": str(result.dataset.root), "digest": result.dataset.digest, "bundle": str(result.bundle)}
        print_json(promised_document(result.report) | artefacts)
    elif not quiet:
        print_reports(list(result.evaluations), result.report)
