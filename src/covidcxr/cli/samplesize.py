"""``covidcxr samplesize``: how many patients a planned validation needs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from covidcxr.cli.options import JsonOption, plain_console, print_json
from covidcxr.core.errors import EvaluationError

if TYPE_CHECKING:
    from covidcxr.metrics.samplesize import Planned, PlannedSize

_EXAMPLE = "Example: covidcxr samplesize --sensitivity 0.9 --specificity 0.8 --prevalence 0.05 --width 0.1"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("samplesize", epilog=_EXAMPLE)(samplesize_verb)


def samplesize_verb(
    prevalence: Annotated[float, typer.Option("--prevalence", help="Share of the patients who have the disease.")],
    sensitivity: Annotated[float | None, typer.Option("--sensitivity", help="The sensitivity you expect.")] = None,
    specificity: Annotated[float | None, typer.Option("--specificity", help="The specificity you expect.")] = None,
    auroc: Annotated[float | None, typer.Option("--auroc", help="The AUROC you expect.")] = None,
    width: Annotated[float, typer.Option("--width", help="Of the interval, from end to end.")] = 0.1,
    level: Annotated[float, typer.Option("--level", help="Of the interval.")] = 0.95,
    images_per_patient: Annotated[
        float, typer.Option("--images-per-patient", help="Mean number; several of one patient tell less.")
    ] = 1.0,
    correlation: Annotated[
        float, typer.Option("--correlation", help="How alike one patient's images are to the network, 0 to 1.")
    ] = 1.0,
    as_json: JsonOption = False,
) -> None:
    """Say how many patients and images a validation needs for intervals of a wanted width."""
    from covidcxr.metrics.samplesize import design_effect_of, planned_sizes

    given: dict[Planned, float | None] = {"sensitivity": sensitivity, "specificity": specificity, "auroc": auroc}
    expected = {figure: value for figure, value in given.items() if value is not None}
    if not expected:
        raise EvaluationError("nothing to plan for; give one at least of --sensitivity, --specificity and --auroc")
    effect = design_effect_of(images_per_patient=images_per_patient, correlation=correlation)
    sizes = planned_sizes(
        expected,
        prevalence=prevalence,
        width=width,
        level=level,
        images_per_patient=images_per_patient,
        effect=effect,
    )
    if not sizes:
        raise EvaluationError(f"--auroc {auroc}: expected a value between 0 and 1, for example 0.95")
    if as_json:
        plan = {"prevalence": prevalence, "width": width, "level": level, "design_effect": effect}
        print_json(plan | {"sizes": [asdict(size) for size in sizes], "images": max(size.images for size in sizes)})
    else:
        print_sizes(sizes, prevalence=prevalence, width=width, level=level)


def print_sizes(sizes: tuple[PlannedSize, ...], *, prevalence: float, width: float, level: float) -> None:
    """Print one line a figure, and what serves all of them."""
    from rich.table import Table

    console = plain_console()
    table = Table(title=f"For {100 * level:g} % intervals at most {width:g} wide, at a prevalence of {prevalence:g}")
    for column in ("figure", "expected", "patients", "with the disease", "images"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for size in sizes:
        name = "AUROC" if size.figure == "auroc" else size.figure
        table.add_row(name, f"{size.expected:g}", f"{size.patients:,}", f"{size.with_disease:,}", f"{size.images:,}")
    console.print(table)
    most = max(sizes, key=lambda size: size.images)
    console.print(f"For all of them: {most.images:,} images of {most.patients:,} patients.")
