"""``covidcxr run``: the whole way from public sources to a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from covidcxr.cli.options import (
    DeviceOption,
    JsonOption,
    QuietOption,
    SetOption,
    SourcesOption,
    WorkersOption,
    print_json,
    progress_for,
)

if TYPE_CHECKING:
    from covidcxr.pipeline.run import RunResult


def register(app: typer.Typer) -> None:
    """Add the verb to ``app``."""
    app.command("run", epilog="Example: covidcxr run zhong2020 --out runs/zhong2020")(run_verb)


def run_verb(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe (covidcxr recipes list), or a TOML file.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the run; by default runs/RECIPE.")] = None,
    sources: SourcesOption = None,
    workers: WorkersOption = None,
    device: DeviceOption = "auto",
    settings: SetOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compile the dataset, train, evaluate and report; what is already there for the same recipe is skipped."""
    from covidcxr.core.recipe import load_recipe
    from covidcxr.pipeline.run import run

    resolved = load_recipe(recipe, settings or ())
    result = run(
        resolved,
        out or Path("runs") / resolved.name,
        sources=sources,
        workers=workers,
        device=device,
        progress=progress_for(quiet=quiet or as_json),
    )
    if as_json:
        print_json(_document(result))
    elif not quiet:
        _print_summary(result)


def _document(result: RunResult) -> dict[str, object]:
    return {
        "dataset": str(result.dataset.root),
        "digest": result.dataset.digest,
        "synthetic": result.dataset.synthetic,
        "bundle": str(result.bundle),
        "report": str(result.report / "report.html"),
        "cohorts": [
            {
                "name": report.cohort,
                "num_images": report.num_images,
                "metrics": {
                    name: {"value": metric.value, "low": metric.low, "high": metric.high}
                    for name, metric in report.metrics.items()
                },
            }
            for report in result.evaluations
        ],
    }


def _print_summary(result: RunResult) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if result.dataset.synthetic:
        console.print("[bold red]SYNTHETIC DATA: computed phantoms, not radiographs; no number below means anything.")
    for report in result.evaluations:
        table = Table(title=f"{report.cohort}: {report.num_images} images, {report.num_patients} patients")
        table.add_column("metric")
        table.add_column("value", justify="right")
        table.add_column("95 % interval", justify="right")
        for metric in report.metrics.values():
            if metric.value is None:
                table.add_row(metric.name, "not estimable", metric.reason)
            else:
                interval = "" if metric.low is None or metric.high is None else f"{metric.low:.3f} - {metric.high:.3f}"
                table.add_row(metric.name, f"{metric.value:.3f}", interval)
        console.print(table)
    console.print(f"Report: {result.report / 'report.html'}", soft_wrap=True)
    console.print("Research use only, not a diagnosis.")
