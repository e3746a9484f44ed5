"""``covidcxr evaluate``: what a bundle is worth on one dataset or several, as a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from covidcxr.cli.options import (
    DeviceOption,
    IntervalsOption,
    JsonOption,
    PrevalenceOption,
    QuietOption,
    StudyOption,
    plain_console,
    print_json,
    print_synthetic,
    progress_for,
    split_pairs,
    typed_command,
)
from covidcxr.core.errors import EvaluationError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from covidcxr.core.types import EvaluationReport

_EXAMPLE = "Example: covidcxr evaluate runs/zhong2020/bundle runs/zhong2020/dataset other-hospital --out report"


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("evaluate", epilog=_EXAMPLE)(evaluate_verb)


def evaluate_verb(
    bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")],
    datasets: Annotated[
        list[Path], typer.Argument(metavar="DATASET ...", help="Compiled datasets or trees of class folders.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the report; an older report there is replaced.")],
    split: Annotated[Literal["train", "val", "test"], typer.Option("--split", help="Which split.")] = "test",
    class_map: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="THEIRS=OURS", help="A dataset's class to one of the bundle's; repeatable."),
    ] = None,
    prevalence: PrevalenceOption = None,
    intervals: IntervalsOption = "student",
    predictions: Annotated[
        list[Path] | None,
        typer.Option(
            "--predictions",
            metavar="FILE",
            help="Measure the predictions in this table (of `predict --out`, or with a column a class) and run no "
            "network; one FILE a DATASET, in their order.",
        ),
    ] = None,
    study: StudyOption = None,
    rounds: Annotated[int | None, typer.Option("--rounds", min=1, help="Bootstrap rounds; by default 2000.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the bootstrap.")] = 0,
    pictures: Annotated[bool, typer.Option(help="Put pictures of the surest mistakes into the report.")] = True,
    audit: Annotated[bool, typer.Option("--audit", help="Also run the shortcut audits (minutes).")] = False,
    explain: Annotated[
        bool, typer.Option("--explain/--no-explain", help="Also measure heat maps of up to 200 images a dataset.")
    ] = True,
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure a bundle on datasets and write report.html, report.json, predictions.csv and figures."""
    from covidcxr.evaluation.settings import EvaluationSettings
    from covidcxr.pipeline.evaluate import evaluate
    from covidcxr.report.checklists.statements import read_statements

    reports = evaluate(
        bundle,
        datasets,
        out,
        settings=EvaluationSettings(
            split=split,
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
        predictions=predictions or (),
        device=device,
        command=typed_command(),
        progress=progress_for(quiet=quiet or as_json),
    )
    if as_json:
        print_json(promised_document(out))
    elif not quiet:
        print_reports(reports, out)


def promised_document(out: Path) -> dict[str, Any]:
    """Return what ``--json`` prints of the report in ``out``: the promised keys, and where the report is."""
    document = json.loads((out / "report.json").read_text(encoding="utf-8"))
    kept = ["notice", "synthetic", "classes", "cohorts", "gaps", "explanations", "not_explained", "published"]
    kept += ["verdict", "evidence"]
    return {key: document[key] for key in kept if key in document} | {"report": str(out / "report.html")}


def print_reports(reports: list[EvaluationReport], out: Path) -> None:
    """Print the numbers to remember of every cohort, the published ones beside ours, the verdict and the place."""
    document = promised_document(out)
    console = plain_console()
    if document["synthetic"]:
        print_synthetic(console)
    for report in reports:
        _print_metrics(console, report)
        _print_explanations(console, document["explanations"].get(report.cohort), report)
    if document["not_explained"]:
        console.print(f"No heat maps: {document['not_explained']}", soft_wrap=True)
    for gap in document["gaps"]:
        limits = "" if gap["low"] is None else f" (95 % confidence interval {gap['low']:+.3f} to {gap['high']:+.3f})"
        console.print(f"Change of {gap['metric']} on {gap['cohort']}: {gap['value']:+.3f}{limits}")
    if "published" in document:
        console.print(_beside_published(document["published"]))
    console.print(f"Verdict: {document['verdict']['value']}")
    for reason in document["verdict"]["reasons"]:
        console.print(f"  - {reason}", soft_wrap=True)
    for checklist in document["evidence"]:
        console.print(_filled(checklist), soft_wrap=True)
    console.print(f"Report: {out / 'report.html'}", soft_wrap=True)
    console.print("Research use only, not a diagnosis.")


def _print_metrics(console: Console, report: EvaluationReport) -> None:
    """Print the numbers to remember of one cohort, and what its dataset has to tell."""
    from rich.table import Table
    from rich.text import Text

    shown = ["accuracy", "balanced_accuracy", "auroc_macro", "ece"]
    shown += [f"{name}/{label}" for label in report.classes for name in ("sensitivity", "specificity", "auroc")]
    shown += [name for name in report.metrics if name.startswith(("ppv_at/", "npv_at/"))]
    table = Table(title=Text(f"{report.cohort}: {report.num_images} images, {report.num_patients} patients"))
    table.add_column("metric")
    table.add_column("value", justify="right")
    table.add_column("95 % confidence interval", justify="right")
    for name in shown:
        metric = report.metrics[name]
        if metric.value is None:
            cells = "not estimable", metric.reason
        else:
            limits = metric.reason if metric.low is None else f"{metric.low:.3f} to {metric.high:.3f}"
            cells = f"{metric.value:.3f}", limits
        table.add_row(*(Text(cell) for cell in (name, *cells)))
    console.print(table)
    for note in report.notes:
        console.print(note, soft_wrap=True)


def _print_explanations(console: Console, found: dict[str, Any] | None, report: EvaluationReport) -> None:
    """Print where the network looked, for all explained images and by the class they were called."""
    if found is None:
        return
    overall = found["overall"]
    number = f"{overall['num_films']} of {found['num_images']}"
    lines = [f"Heat maps ({found['method']}) of {number} images, by the class called:"]
    lines += [f"  {label}: {_looked(summary)}" for label, summary in ({"all": overall} | found["classes"]).items()]
    metric = report.metrics["heat_map_failed"]
    if metric.low is not None:
        lines.append(
            f"  95 % confidence interval of the share not to be believed: {metric.low:.0%} to {metric.high:.0%}"
        )
    for line in lines:
        console.print(line, soft_wrap=True)


def _looked(summary: dict[str, Any]) -> str:
    reasons = ", ".join(f"{name} {number}" for name, number in summary["failures"].items())
    words = [f"{summary['num_failed'] / summary['num_films']:.0%} not to be believed{reasons and f' ({reasons})'}"]
    if summary["lung_fraction_quartiles"] is not None:
        low, middle, high = summary["lung_fraction_quartiles"]
        words += [
            f"{middle:.2f} ({low:.2f} to {high:.2f}) inside the lungs, by chance {summary['mean_chance'] or 0:.2f}",
            f"hottest place outside in {summary['peak_outside']:.0%}",
        ]
    zones = list(summary["strongest_zones"])[:2]
    return "; ".join([*words, f"mostly {', '.join(zones)}"] if zones else words)


def _beside_published(published: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table(title=f"Published ({published['name']}), and ours beside it")
    for column in ("measured on", "metric", "published", "ours", "95 % confidence interval"):
        table.add_column(column, justify="left" if column in ("measured on", "metric") else "right")
    for row in published["values"]:
        more = "more than " if row["is_lower_limit"] else ""
        ours = "-" if row["ours"] is None else f"{row['ours']:.3f}"
        limits = "-" if row["low"] is None else f"{row['low']:.3f} to {row['high']:.3f}"
        table.add_row(row["row"], row["metric"], f"{more}{row['published']:.3f}", ours, limits)
    return table


def _filled(checklist: dict[str, Any]) -> str:
    still_open = ", ".join(checklist["open"]) or "none"
    return (
        f"{checklist['title']}: {checklist['answered']} of {checklist['items']} items answered from artefacts, "
        f"{checklist['in_part']} of them in part; open: {still_open}"
    )


def parse_prevalence(texts: list[str] | None) -> dict[str, float]:
    """Return class to prevalence from ``CLASS=P`` texts.

    Raises:
        EvaluationError: If one is nothing of the kind.
    """
    return {name: _share(name, value) for name, value in split_pairs("--prevalence", texts).items()}


def _share(name: str, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise EvaluationError(f"--prevalence {name}={text}: expected a number from 0 to 1")
    return share
