"""``covidcxr models``: the networks a recipe can name."""

from __future__ import annotations

from typing import Any

import typer

from covidcxr.cli.options import JsonOption, print_json


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    group = typer.Typer(help="The networks that a recipe can name.", no_args_is_help=True, rich_markup_mode=None)
    group.command("list", epilog="Example: covidcxr models list --json")(list_models)
    app.add_typer(group, name="models")


def list_models(as_json: JsonOption = False) -> None:
    """List the networks with their size as published, the weights they can start from, and their `network.options`."""
    from covidcxr.models import MODELS
    from covidcxr.models.build import count_parameters, network_options

    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "parameters": count_parameters(name),
            "input_size": network.default_size,
            "weights": network.weights,
            "options": network_options(network),
        }
        for name, network in MODELS.items()
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        size = f"{row['input_size']} x {row['input_size']}"
        start = f"{row['name']:<20}{row['parameters']:>14,}  {size:<12}{row['weights'] or '-':<10}"
        typer.echo(start + (", ".join(row["options"]) or "-"))
    typer.echo("timm:NAME           any convolutional network of timm, with the extra `timm`")
