"""``covidcxr predict``: a bundle's probabilities for files, folders, tables of paths and DICOMweb archives."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from covidcxr.cli.options import (
    DeviceOption,
    EngineOption,
    GateOption,
    QuietOption,
    TurnOption,
    asked_gate,
    plain_console,
    print_json,
    progress_for,
    report_left_out,
)
from covidcxr.core.outside_text import visible

if TYPE_CHECKING:
    from covidcxr.core.progress import Progress
    from covidcxr.inference.bulk import Engine
    from covidcxr.inference.intake import HeaderFilter, Intake, Naming
    from covidcxr.inference.predictor import LungFraction, Predictor
    from covidcxr.models.bundle import Bundle
    from covidcxr.outputs.predictions import Row

_EPILOG = (
    "Example: covidcxr predict runs/zhong2020/bundle film.dcm folder/ --out predictions.csv. "
    "Research use only, not a diagnosis."
)
_MIN_KEY_BYTES = 16
_MANY = 1000  # rows that a terminal still shows


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
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
        str, typer.Option("--precision", help="fp32; for speed where the processor has them bf16, or int8 if exported.")
    ] = "fp32",
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Images a pass of the network takes.")] = 64,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=0,
            help="Decoding processes; by default one per core for DICOM, threads for the rest; 0: threads only.",
        ),
    ] = None,
    gate: GateOption = None,
    turn: TurnOption = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Fill lung_fraction: how much of the evidence for the answer lies inside the lungs."
        ),
    ] = False,
    modality: Annotated[
        list[str] | None, typer.Option("--modality", help="Take only DICOM images of this modality; repeatable.")
    ] = None,
    view: Annotated[
        list[str] | None, typer.Option("--view", help="Take only DICOM images of this view (PA, AP); repeatable.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="Take only images from this day on.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="Take only images up to this day.")
    ] = None,
    frames: Annotated[
        str,
        typer.Option("--frames", help="Images of several frames: refuse them, or split them into one row per frame."),
    ] = "refuse",
    pseudonyms: Annotated[
        Path | None,
        typer.Option("--pseudonyms", metavar="KEYFILE", help="Name inputs by a hash keyed with this file's content."),
    ] = None,
    identified: Annotated[
        bool,
        typer.Option(
            "--identified",
            help="Name images by path or URL and patients by their ID, where tables and archives have pseudonyms.",
        ),
    ] = False,
    engine: EngineOption = "local",
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per input on stdout.")] = False,
) -> None:
    """Print a calibrated probability for each class and input, or why there is none.

    Exit code 2 only if no input at all could be read; otherwise what could not be is a row with its reason.
    """
    from covidcxr.core.artefacts import refuse_inputs
    from covidcxr.core.left_out import LEFT_OUT_FILE, LeftOut
    from covidcxr.inference.dicomweb import is_url
    from covidcxr.inference.inputs import expand_named
    from covidcxr.inference.intake import Intake
    from covidcxr.inference.predictor import Predictor
    from covidcxr.outputs.predictions import check_suffix, to_row

    if precision not in ("fp32", "bf16", "int8"):
        raise typer.BadParameter(f"{precision!r} is none of fp32, bf16, int8", param_hint="--precision")
    if frames not in ("refuse", "split"):
        raise typer.BadParameter(f"{frames!r} is neither refuse nor split", param_hint="--frames")
    if out is not None:
        check_suffix(out)
        refuse_inputs(out, [bundle, *(Path(name) for name in inputs if not is_url(name))])
    wanted = _filter(modality, view, since, until)
    has_remote = any(is_url(name) for name in inputs)
    naming = _naming(pseudonyms, identified=identified, is_table=out is not None, has_remote=has_remote)
    intake = Intake(wanted=wanted, frames=frames, naming=naming)  # type: ignore[arg-type]
    predictor = Predictor.load(
        bundle,
        backend=backend,
        device=device,
        batch_size=batch_size,
        precision=precision,  # type: ignore[arg-type]
        gated=asked_gate(gate, turn=turn),
        turning=turn,
        explained_by=_explained_by() if explain else None,
    )
    total = None if quiet or as_json or has_remote else sum(1 for _ in expand_named(inputs))
    left_out: list[LeftOut] = []
    items = intake.take(expand_named(inputs, modalities=wanted.modalities, tell=left_out.append))
    elsewhere = _ray_engine(predictor, backend, device, precision, explain=explain) if engine == "ray" else None
    if out is not None:
        from covidcxr.inference.bulk import predict_to_table

        rows = predict_to_table(predictor, items, out, workers=workers, engine=elsewhere)
    elif elsewhere is not None:
        from covidcxr.inference.bulk import PART_ROWS

        rows = (row for part in elsewhere(items, PART_ROWS) for row in part)
    else:
        rows = (to_row(prediction) for prediction in predictor.predict_items(items, workers=workers))
    rows = _tracked(rows, intake, progress_for(quiet=quiet or as_json), total)
    try:
        _report(rows, predictor, intake, out, as_json=as_json, quiet=quiet)
    finally:
        listing = None if out is None else out.with_name(f"{out.stem}.{LEFT_OUT_FILE}")
        report_left_out(left_out, listing, quiet=quiet)


def _tracked(rows: Iterator[Row], intake: Intake, progress: Progress, total: int | None) -> Iterator[Row]:
    for row in progress.track(rows, total=total, label="predict"):
        if total is not None:
            progress.expect(total - intake.num_inputs + intake.num_taken)
        yield row


def _explained_by() -> Callable[[Bundle, str], LungFraction]:
    from covidcxr.explain.lung_fractions import LungFractions

    return LungFractions.of_bundle


def _ray_engine(predictor: Predictor, backend: str | None, device: str, precision: str, *, explain: bool) -> Engine:
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
        explained_by=_explained_by() if explain else None,
    )
    return partial(ray_parts, setup)


def _filter(
    modality: list[str] | None, view: list[str] | None, since: datetime | None, until: datetime | None
) -> HeaderFilter:
    from covidcxr.core.types import View
    from covidcxr.inference.intake import HeaderFilter

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


def _naming(keyfile: Path | None, *, identified: bool, is_table: bool, has_remote: bool) -> Naming:
    """Return pseudonyms for tables and archives, unless asked otherwise; what a terminal shows keeps typed names."""
    from covidcxr.inference.intake import Naming
    from covidcxr.inference.local_key import local_key

    if keyfile is not None:
        if identified:
            raise typer.BadParameter("contradicts --pseudonyms; give one of the two", param_hint="--identified")
        return Naming(key=_read_key(keyfile))
    if identified or not (is_table or has_remote):
        return Naming(with_patients=identified)
    return Naming(key=local_key(), only_remote=not is_table)


def _read_key(path: Path) -> bytes:
    key = path.read_bytes() if path.is_file() else b""
    if len(key) < _MIN_KEY_BYTES:
        raise typer.BadParameter(
            f"{path}: found {len(key)} bytes; expected a secret of at least {_MIN_KEY_BYTES}, for example from "
            "head -c 32 /dev/urandom",
            param_hint="--pseudonyms",
        )
    return key


def _report(
    rows: Iterator[Row], predictor: Predictor, intake: Intake, out: Path | None, *, as_json: bool, quiet: bool
) -> None:
    from covidcxr.outputs.predictions import row_document

    counts: Counter[str] = Counter()
    shown: list[Row] = []
    for row in rows:
        counts[row["status"]] += 1
        if as_json:
            print_json(row_document(row))
            sys.stdout.flush()
        elif out is None and len(shown) < _MANY:
            shown.append(row)
    if shown:
        _print_table(shown, predictor.classes)
    if not quiet and not as_json:
        _print_summary(counts, intake, len(shown), predictor, out)
    if not counts:
        sys.stderr.write(
            f"covidcxr: no input is left of {intake.num_inputs}; see --modality, --view, --since and --until\n"
        )
        raise typer.Exit(2)
    if counts["error"] == counts.total():
        sys.stderr.write(f"covidcxr: none of {counts.total()} inputs could be read; see the reasons\n")
        raise typer.Exit(2)


def _print_table(rows: list[Row], classes: tuple[str, ...]) -> None:
    from rich.table import Table

    table = Table(caption="Research use only, not a diagnosis.")
    table.add_column("input", overflow="fold")
    table.add_column("result")
    for name in classes:
        table.add_column(name, justify="right")
    is_explained = any(row["lung_fraction"] is not None for row in rows)
    if is_explained:
        table.add_column("in the lungs", justify="right")
    table.add_column("remarks", overflow="fold")
    for row in rows:
        shares = (row[f"probability/{name}"] for name in classes)
        cells = ["" if share is None else f"{share:.3f}" for share in shares]
        if is_explained:
            cells.append("" if row["lung_fraction"] is None else f"{row['lung_fraction']:.2f}")
        remarks = "; ".join(filter(None, (row["reasons"], row["warnings"])))
        table.add_row(visible(row["input"]), row["label"] or row["status"], *cells, visible(remarks))
    plain_console(piped_width=200).print(table)


def _print_summary(
    counts: Counter[str], intake: Intake, num_shown: int, predictor: Predictor, out: Path | None
) -> None:
    from covidcxr.outputs.predictions import names_path

    said = {
        "could not be read": counts["error"],
        "refused by the gate": counts["refuse"],
        "undecided": counts["abstain"],
        "left out by filters (--modality, --view, --since, --until)": intake.num_left_out,
    }
    others = "".join(f", {number} {words}" for words, number in said.items() if number)
    sys.stderr.write(f"{counts.total()} inputs{others}; bundle {predictor.bundle.bundle_id} on {predictor.device}\n")
    if predictor.backend.name == "torch" and predictor.device.startswith("cpu") and predictor.bundle.onnx_path is None:
        sys.stderr.write(f"ONNX Runtime would be faster: covidcxr export {predictor.bundle.folder} (adds model.onnx)\n")
    if out is not None:
        sys.stderr.write(f"written to {out} (research use only, not a diagnosis)\n")
        if intake.naming.key is not None and counts:
            sys.stderr.write(f"its images are pseudonyms; {names_path(out)}, which only you can read, says whose\n")
    elif num_shown < counts.total():
        sys.stderr.write(f"{counts.total() - num_shown} more are not shown; use --out or --json\n")
