"""``covidcxr export``: a bundle for other programs, with its measured parity."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from covidcxr.cli.options import JsonOption, QuietOption, print_json

if TYPE_CHECKING:
    from covidcxr.export.request import ExportResult

_EPILOG = "Example: covidcxr export runs/zhong2020/bundle --to onnx --out zhong2020.onnx"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("export", epilog=_EPILOG)(export_verb)


def export_verb(
    bundle: Annotated[Path, typer.Argument(help="Folder of a trained bundle.")],
    to: Annotated[str, typer.Option("--to", help="onnx, openvino or monai.")] = "onnx",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="File or folder to write; onnx without it goes into the bundle, int8 too with --data."
        ),
    ] = None,
    variant: Annotated[
        str, typer.Option("--variant", help="fp32, int8 or bf16; other than fp32 is measured.")
    ] = "fp32",
    data: Annotated[
        Path | None, typer.Option("--data", help="Dataset whose test part the export is compared on.")
    ] = None,
    takes: Annotated[
        str,
        typer.Option("--input", help="What the export takes: an image, or an image preprocessed by covidcxr."),
    ] = "film",
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a bundle as ONNX, OpenVINO or a MONAI bundle, compared with the original before it is kept."""
    from covidcxr.export.exporter import export_bundle

    if variant not in ("fp32", "int8", "bf16"):
        raise typer.BadParameter(f"{variant!r} is none of fp32, int8, bf16", param_hint="--variant")
    if takes not in ("film", "preprocessed"):
        raise typer.BadParameter(f"{takes!r} is neither image nor preprocessed", param_hint="--input")
    result = export_bundle(bundle, to, out, variant=variant, data=data, input=takes)  # type: ignore[arg-type]
    if as_json:
        print_json(result.document())
    elif not quiet:
        _print(result)


def _print(result: ExportResult) -> None:
    parity = result.parity
    lines = [
        f"written: {result.path}",
        f"compared on {parity.num_films} images ({parity.films}): probabilities differ by at most "
        f"{parity.largest_difference:.2g} (mean {parity.mean_difference:.2g}), "
        f"{parity.agreement:.1%} have the same most probable class",
    ]
    lines += [f"AUROC of {name}: {before:.4f} -> {after:.4f}" for name, (before, after) in parity.auroc.items()]
    lines += [f"note: {note}" for note in result.notes]
    sys.stdout.write("\n".join(lines) + "\n")
