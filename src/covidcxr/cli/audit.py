"""``covidcxr audit``: which shortcuts a network takes, and what its score is worth."""

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
    from covidcxr.audit.run import Audited

_EXAMPLE = "Example: covidcxr audit runs/zhong2020/bundle runs/zhong2020/dataset --out audit"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("audit", epilog=_EXAMPLE)(audit_verb)


def audit_verb(
    bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")],
    dataset: Annotated[Path, typer.Argument(help="Compiled dataset or tree of class folders.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the report; an older report there is replaced.")],
    split: Annotated[Literal["train", "val", "test"], typer.Option("--split", help="Which part to audit.")] = "test",
    names: Annotated[
        list[str] | None, typer.Option("--only", metavar="AUDIT", help="Run only this audit; repeatable.")
    ] = None,
    class_map: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="THEIRS=OURS", help="A dataset's class to one of the bundle's; repeatable."),
    ] = None,
    intervals: IntervalsOption = "student",
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Bootstrap rounds of each interval.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Of everything random.")] = 0,
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Audit a bundle on a dataset for shortcuts, and give a verdict on its score."""
    from covidcxr.evaluation.settings import EvaluationSettings
    from covidcxr.pipeline.audit import audit, document

    audited = audit(
        bundle,
        dataset,
        out,
        settings=EvaluationSettings(
            split=split,
            rounds=rounds,
            seed=seed,
            method=intervals,
            class_map=split_pairs("--map", class_map),
        ),
        names=names,
        device=device,
        command=typed_command(),
        progress=progress_for(quiet=quiet or as_json),
    )
    if as_json:
        print_json(document(audited) | {"report": str(out / "report.html")})
    elif not quiet:
        _print(audited, out)


def _print(audited: Audited, out: Path) -> None:
    from rich.table import Table

    from covidcxr.audit.wording import share

    console = plain_console()
    if audited.dataset.synthetic or audited.bundle.info.synthetic:
        print_synthetic(console)
    table = Table(title=f"{audited.dataset.name}: skill that is left at {audited.context.focus}")
    for column in ("audit", "retained skill", "flagged"):
        table.add_column(column)
    for result in audited.results:
        head = result.skills[0]
        words = share(head.retained) if head.retained.value is not None else f"not estimable: {head.retained.reason}"
        table.add_row(result.title, words, ", ".join(result.flagged) or "-")
    console.print(table)
    console.print(f"Verdict: {audited.verdict.value}")
    for reason in audited.verdict.reasons:
        console.print(f"  - {reason}")
    console.print(f"Report: {out / 'report.html'}", soft_wrap=True)
    console.print("Research use only, not a diagnosis.")
