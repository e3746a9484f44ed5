"""``covidcxr tune``: search a recipe's numbers by its validation patients."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from covidcxr.cli.options import (
    DeviceOption,
    JsonOption,
    QuietOption,
    RecipeArgument,
    SetOption,
    plain_console,
    print_json,
    progress_for,
)

if TYPE_CHECKING:
    from covidcxr.pipeline.tune import TuneResult

_EXAMPLE = (
    "Example: covidcxr tune strong --data runs/strong/dataset --out runs/tune --trials 12 "
    "--search training.optimizer.learning_rate=1e-4..1e-2:log --search training.batch_size=16|32|64"
)


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("tune", epilog=_EXAMPLE)(tune_verb)


def tune_verb(
    recipe: RecipeArgument,
    data: Annotated[Path, typer.Option("--data", help="A compiled dataset, or a tree of class folders.")],
    out: Annotated[Path, typer.Option("--out", help="Gets best.toml, trials.csv and the best trial's bundle.")],
    search: Annotated[
        list[str] | None,
        typer.Option("--search", metavar="KEY=RANGE", help="LOW..HIGH, LOW..HIGH:log or A|B|C; repeatable."),
    ] = None,
    space: Annotated[
        Path | None, typer.Option("--space", help='TOML file of lines "KEY" = "RANGE", beside or instead of --search.')
    ] = None,
    trials: Annotated[int, typer.Option("--trials", min=1, help="Trainings in all, earlier calls included.")] = 20,
    minutes: Annotated[float, typer.Option("--minutes", min=0.0, help="Start no trial after; 0: no limit.")] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Of the search.")] = 0,
    settings: SetOption = None,
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Search a recipe's numbers; bad trials are given up early, and an interrupted search goes on.

    Without --search or --space the learning rate, weight decay and label smoothing are searched. The score is the
    balanced accuracy on validation patients; the test split is never looked at.
    """
    from covidcxr.pipeline.search_space import DEFAULT_SPACE, read_space
    from covidcxr.pipeline.tune import tune

    lines = [*(read_space(space) if space else ()), *(search or ())]
    result = tune(
        recipe,
        data,
        out,
        search=lines or DEFAULT_SPACE,
        overrides=settings or (),
        trials=trials,
        minutes=minutes,
        seed=seed,
        device=device,
        progress=progress_for(quiet=quiet or as_json),
    )
    if as_json:
        print_json(
            {
                "recipe": str(result.path),
                "bundle": str(result.bundle),
                "best": asdict(result.best),
                "trials": [asdict(trial) for trial in result.trials],
            }
        )
    elif not quiet:
        _print(result)


def _print(result: TuneResult) -> None:
    from rich.table import Table

    table = Table(title="trials, best first")
    for column in ("trial", "ended", "validation balanced accuracy", "epochs", *result.best.values):
        table.add_column(column, justify="right")
    for trial in sorted(result.trials, key=lambda trial: (trial.ended != "finished", -(trial.score or 0.0))):
        score = "-" if trial.score is None else f"{trial.score:.4f}"
        table.add_row(str(trial.number), trial.ended, score, str(trial.epochs), *trial.values.values())
    console = plain_console()
    console.print(table)
    console.print(f"Best recipe: {result.path}; its bundle: {result.bundle}", soft_wrap=True)
    console.print("The score is the best of several on the same patients and flatters; evaluate on others.")
