"""``covidcxr backbones``: one recipe with several networks, in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from covidcxr.cli.compare import print_comparison
from covidcxr.cli.options import (
    DeviceOption,
    IntervalsOption,
    JsonOption,
    QuietOption,
    RecipeArgument,
    SetOption,
    SourcesOption,
    WorkersOption,
    print_json,
    progress_for,
    typed_command,
)


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("backbones", epilog="Example: covidcxr backbones covidx-net --out runs/covidx-net")(backbones_verb)


def backbones_verb(
    recipe: RecipeArgument,
    out: Annotated[Path, typer.Option("--out", help="Gets dataset/, networks/NAME/ and report/.")],
    networks: Annotated[
        list[str] | None,
        typer.Option("--network", help="A network (covidcxr models list); repeatable; by default the recipe's."),
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="A dataset; else it is compiled.")] = None,
    sources: SourcesOption = None,
    workers: WorkersOption = None,
    intervals: IntervalsOption = "student",
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Bootstrap rounds.")] = 2000,
    settings: SetOption = None,
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a recipe with several networks on the same images and compare them; trained networks are kept."""
    from covidcxr.core.recipe_toml import load_recipe
    from covidcxr.evaluation.settings import EvaluationSettings
    from covidcxr.pipeline.backbones import backbones
    from covidcxr.report.comparison import comparison_document

    result = backbones(
        load_recipe(recipe, settings or ()),
        out,
        networks=networks or (),
        data=data,
        sources=sources,
        workers=workers,
        settings=EvaluationSettings(rounds=rounds, method=intervals),
        device=device,
        command=typed_command(),
        progress=progress_for(quiet=quiet or as_json),
    )
    if as_json:
        print_json(comparison_document(result) | {"report": str(out / "report" / "report.html")})
    elif not quiet:
        print_comparison(result, out / "report")
