"""``covidcxr explain``: heat maps over images, with a number that says whether they can be believed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from covidcxr.cli.options import (
    DeviceOption,
    EngineOption,
    GateOption,
    QuietOption,
    TurnOption,
    asked_gate,
    print_json,
    progress_for,
    report_left_out,
)

if TYPE_CHECKING:
    from covidcxr.core.left_out import Tell
    from covidcxr.explain.rows import Row, Summary

_EPILOG = (
    "Example: covidcxr explain runs/zhong2020/bundle film.png folder/ --out explanations --checks. "
    "Research use only, not a diagnosis."
)
TABLE = "explanations.csv"
SUMMARY = "explanations.json"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("explain", epilog=_EPILOG)(explain)


def explain(
    bundle: Annotated[Path, typer.Argument(help="Folder of a trained bundle.")],
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT...", help="Images, folders, .csv tables, or compiled datasets.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for overlays/, explanations.csv and .json.")],
    method: Annotated[
        str, typer.Option("--method", help="grad-cam, grad-cam++, hires-cam, integrated-gradients or occlusion.")
    ] = "grad-cam",
    target: Annotated[
        str | None, typer.Option("--class", help="Class to explain; by default the predicted one.")
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Of compiled datasets: train, val, test or all.")] = "test",
    checks: Annotated[
        bool, typer.Option("--checks", help="Also delete, insert, shuffle weights and change the image (slower).")
    ] = False,
    gate: GateOption = None,
    turn: TurnOption = False,
    engine: EngineOption = "local",
    device: DeviceOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per image on stdout.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Show where a network looked, how much of it lies inside the lungs, and whether the map can be believed.

    The lung fraction is the share of positive attribution inside the lungs, of places at least a fifth as hot as the
    hottest; "by chance" it would be the lungs' share of what the network sees. An explanation that fails a check is
    framed and marked on its overlay. What the gate refuses gets a row with the reason, no probability and no overlay.
    Exit code 2 if an input could not be read; the others are done all the same.
    """
    from covidcxr.core.artefacts import claim_folder
    from covidcxr.core.left_out import LEFT_OUT_FILE, LeftOut
    from covidcxr.explain.batch import Wanted, explain_files
    from covidcxr.explain.explainer import Explainer
    from covidcxr.explain.rows import document, summarise, write_table
    from covidcxr.models.bundle import Bundle

    loaded = Bundle.load(bundle)
    asked = asked_gate(gate, turn=turn)
    is_gated = not loaded.info.synthetic if asked is None else asked
    wanted = Wanted(target=target, checks=checks, is_gated=is_gated, is_turned=turn)
    explainer = Explainer.load(loaded, method=method, device=device)
    left_out: list[LeftOut] = []
    found = list(_inputs(inputs, split, left_out.append))
    claim_folder(out, "covidcxr-explain.txt", [*(path for _, path in found), *inputs, bundle])
    progress = progress_for(quiet=quiet)
    rows: list[Row] = []
    elsewhere = None
    if engine == "ray":
        from covidcxr.explain.ray_engine import ExplainerSetup, ray_chunks

        setup = ExplainerSetup(bundle=bundle, method=method, device=device, wanted=wanted)
        elsewhere = partial(ray_chunks, setup)
    results = explain_files(explainer, found, out, wanted, engine=elsewhere)
    for row in progress.track(results, total=len(found), label="explain"):
        rows.append(row)
        if as_json:
            print_json(document(row))
        elif row.status in ("refuse", "error") and not quiet:
            progress.message(f"{row.input}: {'; '.join(row.reasons)}")
    write_table(out / TABLE, rows)
    summary = summarise(rows)
    facts = {"bundle": loaded.bundle_id, "method": method, "device": str(explainer.device), "gated": is_gated}
    _write_summary(out / SUMMARY, summary, facts | ({"not_compared": explainer.not_compared} if checks else {}))
    if not quiet and not as_json:
        typer.echo(_sentence(summary, out))
    report_left_out(left_out, out / LEFT_OUT_FILE, quiet=quiet)
    if summary.num_errors:
        raise typer.Exit(2)


def _inputs(paths: list[Path], split: str, tell: Tell) -> Iterator[tuple[str, Path]]:
    """Yield (name, file) of every input; a compiled dataset gives the samples of one split."""
    from covidcxr.inference.inputs import expand

    for path in paths:
        if (path / "dataset.json").is_file():
            yield from _samples(path, split)
            continue
        for item in expand([path], tell=tell):
            if isinstance(item.source, Path):
                yield item.record_id, item.source


def _samples(path: Path, split: str) -> Iterator[tuple[str, Path]]:
    from covidcxr.core.types import SPLITS
    from covidcxr.dataset.dataset import Dataset

    if split not in (*SPLITS, "all"):
        raise typer.BadParameter(f"{split!r}; expected one of {', '.join(SPLITS)}, all", param_hint="--split")
    dataset = Dataset.open(path)
    for sample in dataset.samples:
        if split in ("all", sample.split):
            yield sample.record.record_id, dataset.image_path(sample)


def _write_summary(path: Path, summary: Summary, facts: dict[str, Any]) -> None:
    from dataclasses import asdict

    from covidcxr.core.artefacts import write_text
    from covidcxr.core.notice import NOTICE

    document = {**facts, **asdict(summary), "notice": NOTICE}
    write_text(path, json.dumps(document, indent=1) + "\n")


def _sentence(summary: Summary, out: Path) -> str:
    lines = [
        f"{summary.num_films} images explained in {out}; {summary.num_failed} explanations are not to be believed."
    ]
    if summary.lung_fraction_quartiles and summary.peak_outside is not None:
        low, middle, high = summary.lung_fraction_quartiles
        lines.append(
            f"Lung fraction: median {middle:.2f} (quartiles {low:.2f} to {high:.2f}; by chance "
            f"{summary.mean_chance or 0:.2f}); hottest place outside the lungs in {summary.peak_outside:.0%}."
        )
    if summary.num_refused:
        lines.append(f"{summary.num_refused} inputs were refused by the gate.")
    if summary.num_errors:
        lines.append(f"{summary.num_errors} inputs could not be read.")
    return "\n".join(lines)
