"""``covidcxr crossval``: what a recipe is worth on sources that its network never saw."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from covidcxr.cli.options import DeviceOption, JsonOption, QuietOption, SetOption, print_json, progress_for

if TYPE_CHECKING:
    from covidcxr.pipeline.crossval import Crossval

_EXAMPLE = "Example: covidcxr crossval zhong2020-fixed --by source --data runs/fixed/dataset --out runs/crossval"


def register(app: typer.Typer) -> None:
    """Add the verb to ``app``."""
    app.command("crossval", epilog=_EXAMPLE)(crossval_verb)


def crossval_verb(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe, or a TOML file.")],
    data: Annotated[Path, typer.Option("--data", help="A compiled dataset of two sources or more.")],
    out: Annotated[Path, typer.Option("--out", help="Gets folds/SOURCE/bundle and report/.")],
    by: Annotated[Literal["source"], typer.Option("--by", help="What is left out in turn.")] = "source",
    overrides: SetOption = None,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Bootstrap rounds of each interval.")] = 2000,
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train with each source left out in turn and evaluate on it; an interrupted run goes on where it stopped."""
    del by  # one way so far; the name keeps the command line stable when there is another
    from covidcxr.core.recipe import load_recipe
    from covidcxr.pipeline.crossval import crossval
    from covidcxr.pipeline.crossval_report import crossval_document

    result = crossval(
        load_recipe(recipe, overrides or []),
        data,
        out,
        rounds=rounds,
        device=device,
        command=shlex.join(["covidcxr", *sys.argv[1:]]),
        progress=progress_for(quiet=quiet or as_json),
    )
    report = out / "report" / "report.html"
    if as_json:
        print_json(crossval_document(result) | {"report": str(report)})
    elif not quiet:
        _print(result, report)


def _print(result: Crossval, report: Path) -> None:
    if result.dataset.synthetic:
        typer.echo("SYNTHETIC DATA: computed phantoms, not radiographs; no number below means anything.")
    for fold in result.folds:
        if fold.report is None:
            typer.echo(f"without {fold.source}: not estimable: {fold.reason}")
            continue
        words = []
        for label in result.dataset.classes:
            metric = fold.report.metrics[f"sensitivity/{label}"]
            value = f"{metric.value:.3f}" if metric.value is not None else f"not estimable ({metric.reason})"
            words.append(f"sensitivity {label} {value}")
        typer.echo(f"without {fold.source}: {fold.report.num_images} images; {'; '.join(words)}")
    typer.echo(f"Report: {report}")
    typer.echo("Research use only, not a diagnosis.")
