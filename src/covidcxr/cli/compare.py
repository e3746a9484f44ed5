"""``covidcxr compare``: several bundles on the same datasets, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from covidcxr.cli.options import (
    DeviceOption,
    IntervalsOption,
    JsonOption,
    QuietOption,
    plain_console,
    print_json,
    print_synthetic,
    progress_for,
    split_pairs,
    typed_command,
)

if TYPE_CHECKING:
    from covidcxr.report.comparison_result import CompareResult

_EXAMPLE = (
    "Example: covidcxr compare runs/zhong2020/bundle runs/ours/bundle --data runs/zhong2020/dataset --out compare"
)


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("compare", epilog=_EXAMPLE)(compare_verb)


def compare_verb(
    bundles: Annotated[
        list[Path], typer.Argument(metavar="BUNDLE ...", help="Two bundles or more; the first is the reference.")
    ],
    data: Annotated[list[Path], typer.Option("--data", help="A dataset; repeatable.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the report; an older report there is replaced.")] = Path(
        "comparison"
    ),
    split: Annotated[Literal["train", "val", "test"], typer.Option("--split", help="Which split.")] = "test",
    class_map: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="THEIRS=OURS", help="A dataset's class to one of a bundle's; repeatable."),
    ] = None,
    intervals: IntervalsOption = "student",
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Bootstrap rounds.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the bootstrap.")] = 0,
    audit: Annotated[bool, typer.Option("--audit", help="Also run the shortcut audits on the first dataset.")] = False,
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compare bundles: accuracy, AUROC, calibration, audits, parameters, time, and how sure the differences are."""
    from covidcxr.evaluation.settings import EvaluationSettings
    from covidcxr.pipeline.compare import compare
    from covidcxr.report.comparison import comparison_document

    result = compare(
        bundles,
        data,
        out,
        settings=EvaluationSettings(
            split=split,
            rounds=rounds,
            seed=seed,
            method=intervals,
            class_map=split_pairs("--map", class_map),
            audit=audit,
        ),
        device=device,
        command=typed_command(),
        progress=progress_for(quiet=quiet or as_json),
    )
    if as_json:
        print_json(comparison_document(result) | {"report": str(out / "report.html")})
    elif not quiet:
        print_comparison(result, out)


def print_comparison(result: CompareResult, out: Path) -> None:
    """Print one table a dataset; ``out`` is where the report lies."""
    from rich.table import Table

    console = plain_console()
    if result.synthetic:
        print_synthetic(console)
    for position, entry in enumerate(result.models[0].cohorts):
        table = Table(title=f"{entry.report.cohort}: {entry.report.num_images} images")
        columns = ["model", "parameters", "accuracy", f"AUROC {result.target}", "ECE", "ms an image"]
        for column in [*columns, "published accuracy"] if result.published else columns:
            table.add_column(column, justify="left" if column == "model" else "right")
        for model in result.models:
            metrics = model.cohorts[position].report.metrics
            shown = [metrics[name].value for name in ("accuracy", f"auroc/{result.target}", "ece")]
            values = ["not estimable" if value is None else f"{value:.3f}" for value in shown]
            parameters = f"{model.bundle.info.network.num_parameters:,}"
            published = result.published.get(model.bundle.info.network.name)
            values.append(f"{1000 * model.seconds_per_image:.1f}")
            if result.published:
                values.append("-" if published is None else f"{published:.2f}")
            table.add_row(model.name, parameters, *values)
        console.print(table)
    console.print(f"Report: {out / 'report.html'}", soft_wrap=True)
    console.print("Research use only, not a diagnosis.")
