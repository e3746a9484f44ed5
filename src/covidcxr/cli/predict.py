"""``covidcxr predict``: a bundle's probabilities for files, folders, tables of paths and DICOMweb archives."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from covidcxr.cli.options import (
    DeviceOption,
    EngineOption,
    GateOption,
    JsonOption,
    QuietOption,
    TurnOption,
    asked_gate,
    print_json,
    progress_for,
)

if TYPE_CHECKING:
    from covidcxr.inference.bulk import Engine
    from covidcxr.inference.decoding import Item
    from covidcxr.inference.inputs import HeaderFilter
    from covidcxr.inference.predictor import Predictor
    from covidcxr.outputs.predictions import Row

_EPILOG = (
    "Example: covidcxr predict runs/zhong2020/bundle film.dcm folder/ --out predictions.csv. "
    "Research use only, not a diagnosis."
)
_MIN_KEY_BYTES = 16
_MANY = 1000  # rows that a terminal still shows


def register(app: typer.Typer) -> None:
    """Add the verb to ``app``."""
    app.command("predict", epilog=_EPILOG)(predict_verb)


def predict_verb(
    bundle: Annotated[Path, typer.Argument(help="Folder of a trained bundle.")],
    inputs: Annotated[
        list[str],
        typer.Argument(help="Images, folders of images, .csv tables with a column path, or DICOMweb URLs."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write a table, FILE.csv or FILE.parquet, instead of showing one; resumed after a kill."
        ),
    ] = None,
    backend: Annotated[
        str | None, typer.Option("--backend", help="torch, onnxruntime or openvino; by default one that fits.")
    ] = None,
    precision: Annotated[
        str, typer.Option("--precision", help="fp32, or bf16 for speed where the processor has it.")
    ] = "fp32",
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Images a pass of the network takes.")] = 64,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Decoding processes; 0 decodes in threads of this one.")
    ] = 0,
    gate: GateOption = None,
    turn: TurnOption = False,
    modality: Annotated[
        list[str] | None, typer.Option("--modality", help="Take only DICOM films of this modality; repeatable.")
    ] = None,
    view: Annotated[
        list[str] | None, typer.Option("--view", help="Take only DICOM films of this view (PA, AP); repeatable.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="Take only films from this day on.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="Take only films up to this day.")
    ] = None,
    pseudonyms: Annotated[
        Path | None,
        typer.Option("--pseudonyms", metavar="KEYFILE", help="Name inputs by a hash keyed with this file's content."),
    ] = None,
    identified: Annotated[
        bool, typer.Option("--identified", help="Name films of a DICOMweb archive by their URL, not by a pseudonym.")
    ] = False,
    engine: EngineOption = "local",
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print a calibrated probability for each class and input, or why there is none; --json prints a line an input."""
    from covidcxr.inference.dicomweb import is_url
    from covidcxr.inference.inputs import choose, expand_named, pseudonymise
    from covidcxr.inference.predictor import Predictor
    from covidcxr.outputs.predictions import check_suffix, to_row

    if precision not in ("fp32", "bf16"):
        raise typer.BadParameter(f"{precision!r} is neither fp32 nor bf16", param_hint="--precision")
    if out is not None:
        check_suffix(out)
    wanted = _filter(modality, view, since, until)
    has_remote = any(is_url(name) for name in inputs)
    key = _key(pseudonyms, needed=has_remote and not identified)

    def items() -> Iterator[Item]:
        chosen = choose(expand_named(inputs, modalities=wanted.modalities), wanted)
        return chosen if key is None else pseudonymise(chosen, key, only_remote=pseudonyms is None)

    predictor = Predictor.load(
        bundle,
        backend=backend,
        device=device,
        batch_size=batch_size,
        precision=precision,  # type: ignore[arg-type]
        gated=asked_gate(gate, turn=turn),
        turning=turn,
    )
    total = None if quiet or as_json or has_remote else sum(1 for _ in items())
    elsewhere = _ray_engine(predictor, backend, device, precision) if engine == "ray" else None
    if out is not None:
        from covidcxr.inference.bulk import predict_to_table

        rows = predict_to_table(predictor, items(), out, workers=workers, engine=elsewhere)
    elif elsewhere is not None:
        from covidcxr.inference.bulk import PART_ROWS

        rows = (row for part in elsewhere(items(), PART_ROWS) for row in part)
    else:
        rows = (to_row(prediction) for prediction in predictor.predict_items(items(), workers=workers))
    rows = progress_for(quiet=quiet or as_json).track(rows, total=total, label="predict")
    _report(rows, predictor, out, as_json=as_json, quiet=quiet)


def _ray_engine(predictor: Predictor, backend: str | None, device: str, precision: str) -> Engine:
    from functools import partial

    from covidcxr.inference.ray_engine import PredictorSetup, ray_parts

    setup = PredictorSetup(
        bundle=predictor.bundle.folder,
        backend=backend,
        device=device,
        batch_size=predictor.batch_size,
        precision=precision,  # type: ignore[arg-type]
        gated=predictor.gated,
        turning=predictor.turning,
    )
    return partial(ray_parts, setup)


def _filter(
    modality: list[str] | None, view: list[str] | None, since: datetime | None, until: datetime | None
) -> HeaderFilter:
    from covidcxr.core.types import View
    from covidcxr.inference.inputs import HeaderFilter

    named = {one.upper() for one in view or ()}
    unknown = named - {one.value for one in View}
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: expected PA, AP or LATERAL", param_hint="--view")
    return HeaderFilter(
        modalities=frozenset(one.upper() for one in modality or ()),
        views=frozenset(View(one) for one in named),
        since=since.date() if since else None,
        until=until.date() if until else None,
    )


def _key(path: Path | None, *, needed: bool) -> bytes | None:
    if path is None:
        from covidcxr.inference.local_key import local_key

        return local_key() if needed else None
    key = path.read_bytes() if path.is_file() else b""
    if len(key) < _MIN_KEY_BYTES:
        raise typer.BadParameter(
            f"{path}: found {len(key)} bytes; expected a secret of at least {_MIN_KEY_BYTES}, for example from "
            "head -c 32 /dev/urandom",
            param_hint="--pseudonyms",
        )
    return key


def _report(rows: Iterator[Row], predictor: Predictor, out: Path | None, *, as_json: bool, quiet: bool) -> None:
    from covidcxr.outputs.predictions import row_document

    num_inputs = num_errors = num_refused = 0
    shown: list[Row] = []
    for row in rows:
        num_inputs += 1
        num_errors += row["status"] == "error"
        num_refused += row["status"] == "refuse"
        if as_json:
            print_json(row_document(row))
            sys.stdout.flush()
        elif out is None and len(shown) < _MANY:
            shown.append(row)
    if shown:
        _print_table(shown, predictor.classes)
    if not quiet and not as_json:
        _print_summary((num_inputs, num_errors, num_refused), len(shown), predictor, out)
    if num_inputs == 0:
        sys.stderr.write("covidcxr: no input is left; see --modality, --view, --since and --until\n")
        raise typer.Exit(2)
    if num_errors == num_inputs:
        sys.stderr.write(f"covidcxr: none of {num_inputs} inputs could be read; see the reasons\n")
        raise typer.Exit(2)


def _print_table(rows: list[Row], classes: tuple[str, ...]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(caption="Research use only, not a diagnosis.")
    table.add_column("input", overflow="fold")
    table.add_column("result")
    for name in classes:
        table.add_column(name, justify="right")
    table.add_column("remarks", overflow="fold")
    for row in rows:
        shares = (row[f"probability/{name}"] for name in classes)
        cells = ("" if share is None else f"{share:.3f}" for share in shares)
        remarks = "; ".join(filter(None, (row["reasons"], row["warnings"])))
        table.add_row(row["input"], row["label"] or row["status"], *cells, remarks)
    console = Console()
    if not console.is_terminal:  # a pipe has no width; nothing should be cut there
        console.width = 200
    console.print(table)


def _print_summary(counts: tuple[int, int, int], num_shown: int, predictor: Predictor, out: Path | None) -> None:
    num_inputs, num_errors, num_refused = counts
    unread = f", {num_errors} could not be read" if num_errors else ""
    unread += f", {num_refused} refused by the gate" if num_refused else ""
    sys.stderr.write(f"{num_inputs} inputs{unread}; bundle {predictor.bundle.bundle_id} on {predictor.device}\n")
    if out is not None:
        sys.stderr.write(f"written to {out} (research use only, not a diagnosis)\n")
    elif num_shown < num_inputs:
        sys.stderr.write(f"{num_inputs - num_shown} more are not shown; use --out or --json\n")
