"""``covidcxr validate``: what a bundle is worth on a hospital's own images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from covidcxr.cli.evaluate import parse_prevalence, print_reports, promised_document
from covidcxr.cli.options import (
    DeviceOption,
    IntervalsOption,
    JsonOption,
    PrevalenceOption,
    QuietOption,
    StudyOption,
    print_json,
    progress_for,
    split_pairs,
    typed_command,
)

_EXAMPLE = "Example: covidcxr validate bundle our-images --out validation --prevalence COVID-19=0.05"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("validate", epilog=_EXAMPLE)(validate_verb)


def validate_verb(
    bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")],
    folder: Annotated[
        Path, typer.Argument(help="Class folders, or a folder with labels.csv (path, label, patient_id, ...).")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the report; an older report there is replaced.")],
    against: Annotated[
        Path | None, typer.Option("--against", help="Report folder of the same bundle to lay it beside.")
    ] = None,
    class_map: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="THEIRS=OURS", help="A label here to one of the bundle's classes; repeatable."),
    ] = None,
    prevalence: PrevalenceOption = None,
    intervals: IntervalsOption = "student",
    pictures: Annotated[bool, typer.Option(help="Put pictures of the surest mistakes into the report.")] = False,
    audit: Annotated[bool, typer.Option("--audit", help="Also run the shortcut audits (minutes).")] = False,
    explain: Annotated[
        bool, typer.Option("--explain/--no-explain", help="Also measure heat maps of up to 200 images a dataset.")
    ] = True,
    study: StudyOption = None,
    rounds: Annotated[int | None, typer.Option("--rounds", min=1, help="Bootstrap rounds; by default 2000.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the bootstrap.")] = 0,
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure a bundle on your own labelled images, offline; no name and, by default, no image enters the report."""
    from covidcxr.evaluation.settings import EvaluationSettings
    from covidcxr.pipeline.validate import validate
    from covidcxr.report.checklists.statements import read_statements

    report = validate(
        bundle,
        folder,
        out,
        settings=EvaluationSettings(
            rounds=rounds,
            seed=seed,
            method=intervals,
            class_map=split_pairs("--map", class_map),
            prevalence=parse_prevalence(prevalence),
            statements={} if study is None else read_statements(study),
            pictures=pictures,
            audit=audit,
            explain=explain,
        ),
        against=against,
        device=device,
        command=typed_command(),
        progress=progress_for(quiet=quiet or as_json),
    )
    if as_json:
        print_json(promised_document(out))
    elif not quiet:
        print_reports([report], out)
