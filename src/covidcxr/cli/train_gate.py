"""``covidcxr train-gate``: makes the weights of the input gate that ship with covidcxr again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from covidcxr.cli.options import JsonOption, QuietOption, SourcesOption, print_json, progress_for

_EXAMPLE = "Example: covidcxr train-gate --sources data/sources --out gate_weights"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("train-gate", epilog=_EXAMPLE)(train_gate)


def train_gate(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for gate.onnx, gate.json and CARD.md.")],
    sources: SourcesOption = None,
    pictures: Annotated[int, typer.Option("--pictures", min=32, help="Pictures seen in training.")] = 96000,
    children: Annotated[int, typer.Option("--children", min=1, help="Paediatric images to take.")] = 1200,
    leave_out: Annotated[
        str, typer.Option("--leave-out", help="A source that the network shall not see, to measure it on.")
    ] = "",
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train the network that tells frontal chest radiographs from other pictures, measure it, and export it."""
    from covidcxr.core.errors import SourceError
    from covidcxr.shipped.gate.release import GateTraining, release_gate
    from covidcxr.sources.lookup import find_sources_root

    root = find_sources_root(sources)
    if root is None:
        raise SourceError("no public source found; say where they are with --sources, or COVIDCXR_SOURCES")
    settings = GateTraining(pictures=pictures)
    facts = release_gate(
        root, out, settings, children=children, leave_out=leave_out, progress=progress_for(quiet=quiet)
    )
    if as_json:
        print_json({name: value for name, value in facts.items() if name != "frontal_features"})
    elif not quiet:
        told = ", ".join(f"{kind} {hits}/{total}" for kind, (hits, total) in facts["held_out"].items())
        typer.echo(f"{out}: {facts['bytes']:,} bytes; told rightly: {told}")
