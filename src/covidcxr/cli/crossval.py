"""``covidcxr crossval``: train with a source, or a part of the patients, held out, and measure on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from covidcxr.cli.options import (
    DeviceOption,
    IntervalsOption,
    JsonOption,
    QuietOption,
    RecipeArgument,
    SetOption,
    plain_console,
    print_json,
    print_synthetic,
    progress_for,
    typed_command,
)

if TYPE_CHECKING:
    from covidcxr.report.crossval_result import CrossvalResult

_EXAMPLE = "Example: covidcxr crossval zhong2020 --data runs/zhong2020/dataset --by source --out runs/crossval"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("crossval", epilog=_EXAMPLE)(crossval_verb)


def crossval_verb(
    recipe: RecipeArgument,
    data: Annotated[Path, typer.Option("--data", help="The dataset.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the run: folds/ and report/.")],
    by: Annotated[Literal["source", "patient"], typer.Option("--by", help="What is held out.")] = "source",
    folds: Annotated[int, typer.Option("--folds", min=2, help="Folds by patient.")] = 5,
    settings: SetOption = None,
    intervals: IntervalsOption = "student",
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Bootstrap rounds.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", help="Of folds and bootstrap.")] = 0,
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train once a fold and measure each network on what was held out; trained folds are kept."""
    from covidcxr.core.recipe_toml import load_recipe
    from covidcxr.evaluation.settings import EvaluationSettings
    from covidcxr.pipeline.crossval import crossval
    from covidcxr.report.crossval import crossval_document

    result = crossval(
        load_recipe(recipe, settings or ()),
        data,
        out,
        by=by,
        folds=folds,
        settings=EvaluationSettings(rounds=rounds, seed=seed, method=intervals),
        device=device,
        command=typed_command(),
        progress=progress_for(quiet=quiet or as_json),
    )
    if as_json:
        print_json(crossval_document(result) | {"report": str(out / "report" / "report.html")})
    elif not quiet:
        _print(result, out)


def _print(result: CrossvalResult, out: Path) -> None:
    from rich.table import Table

    console = plain_console()
    if result.synthetic:
        print_synthetic(console)
    table = Table(title=f"{result.recipe.name}, by {result.by}")
    for column in ("held out", "images", "accuracy", f"sensitivity {result.target}", "inside"):
        table.add_column(column, justify="left" if column == "held out" else "right")
    name = f"sensitivity/{result.target}"
    for entry in result.folds:
        if entry.outside is None:
            table.add_row(entry.fold.name, str(len(entry.fold.outside)), "not estimable", entry.fold.reason, "")
            continue
        inside = entry.inside.metrics[name].value if entry.inside else None
        values = [entry.outside.metrics["accuracy"].value, entry.outside.metrics[name].value, inside]
        shown = ["-" if value is None else f"{value:.3f}" for value in values]
        table.add_row(entry.fold.name, str(entry.outside.num_images), *shown)
    console.print(table)
    console.print(f"Report: {out / 'report' / 'report.html'}", soft_wrap=True)
    console.print("Research use only, not a diagnosis.")
