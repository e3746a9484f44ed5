"""``covidcxr compile``: public sources and a recipe to a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from covidcxr.cli.options import (
    EngineOption,
    JsonOption,
    QuietOption,
    RecipeArgument,
    SetOption,
    SourcesOption,
    WorkersOption,
    plain_console,
    print_json,
    progress_for,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from covidcxr.curation.leaks import LeakReport
    from covidcxr.dataset import Dataset


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("compile", epilog="Example: covidcxr compile zhong2020 --out datasets/zhong2020")(compile_verb)


def compile_verb(
    recipe: RecipeArgument,
    out: Annotated[Path, typer.Option("--out", help="Folder of the dataset: missing, empty, or a dataset to renew.")],
    sources: SourcesOption = None,
    workers: WorkersOption = None,
    engine: EngineOption = "local",
    settings: SetOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compile the recipe's dataset: images, manifest, exclusions, datasheet. What is there already is kept."""
    from covidcxr.core.recipe_toml import load_recipe
    from covidcxr.curation.compile import compile_dataset

    dataset = compile_dataset(
        load_recipe(recipe, settings or ()),
        out,
        sources=sources,
        workers=workers,
        engine=engine,
        progress=progress_for(quiet=quiet or as_json),
    )
    if as_json:
        print_json(summary(dataset))
    elif not quiet:
        _print_summary(dataset)


def summary(dataset: Dataset) -> dict[str, object]:
    """Return what ``--json`` prints."""
    from covidcxr.curation.leak_file import LEAKS_FILE, read_leaks
    from covidcxr.dataset.manifest import count_exclusions, count_samples, read_dataset_file

    leaks = read_leaks(dataset.root / LEAKS_FILE)
    return {
        "dataset": str(dataset.root),
        "digest": dataset.digest,
        "synthetic": dataset.synthetic,
        "classes": list(dataset.classes),
        "counts": count_samples(dataset.samples, dataset.classes),
        "excluded": count_exclusions(dataset.manifest.exclusions),
        "notes": read_dataset_file(dataset.root).details.get("notes", []),
        "leaks": None if leaks is None else _leaks_document(leaks),
    }


def _leaks_document(leaks: LeakReport) -> dict[str, object]:
    return {
        "verdict": leaks.verdict,
        "sentences": list(leaks.sentences),
        "crossing": {
            "patients": leaks.num_crossing_patients,
            "groups": leaks.num_crossing_groups,
            "copies": len(leaks.copies.crossing),
        },
        "copies": {
            "search": leaks.copies.search,
            "found": leaks.copies.num_found,
            "label_conflicts": len(leaks.copies.conflicting),
            "label_conflicts_kept": len(leaks.copies.kept_conflicts),
        },
    }


def _print_summary(dataset: Dataset) -> None:
    from rich.table import Table

    from covidcxr.core.notice import SYNTHETIC_NOTICE
    from covidcxr.curation.leak_file import LEAKS_FILE, read_leaks
    from covidcxr.dataset.manifest import EXCLUSIONS_FILE, count_exclusions, count_samples, read_dataset_file

    console = plain_console()
    if dataset.synthetic:
        console.print(SYNTHETIC_NOTICE, style="bold red")
    counts = count_samples(dataset.samples, dataset.classes)
    table = Table(title=f"{dataset.name}: {len(dataset.samples)} images")
    table.add_column("split")
    for label in dataset.classes:
        table.add_column(label, justify="right")
    for split, numbers in counts.items():
        table.add_row(split, *(str(numbers[label]) for label in dataset.classes))
    console.print(table)
    left_out = count_exclusions(dataset.manifest.exclusions)
    listing = ", ".join(f"{rule} {number}" for rule, number in left_out.items()) or "nothing"
    console.print(f"Left out: {listing}; each with its reason in {dataset.root / EXCLUSIONS_FILE}", soft_wrap=True)
    for note in read_dataset_file(dataset.root).details.get("notes", []):
        console.print(f"- {note}", soft_wrap=True)
    leaks = read_leaks(dataset.root / LEAKS_FILE)
    if leaks is not None:
        _print_leaks(console, leaks, dataset.classes)
    console.print(f"Digest:  {dataset.digest}", soft_wrap=True)
    console.print(f"Dataset: {dataset.root}", soft_wrap=True)


def _print_leaks(console: Console, leaks: LeakReport, classes: Sequence[str]) -> None:
    from rich.table import Table

    title = "What each nuisance alone tells: AUROC (95 % confidence interval); - not estimable"
    table = Table(title=title, box=None, pad_edge=False, padding=(0, 2, 0, 0))  # three classes fit into 80 columns
    table.add_column("nuisance", no_wrap=True)
    for label in classes:
        table.add_column(label, justify="right")
    cells: dict[str, dict[str, str]] = {}
    for leak in leaks.leaks:
        value = "-" if leak.auroc is None else f"{leak.auroc:.2f} ({leak.low:.2f}-{leak.high:.2f})"
        cells.setdefault(leak.nuisance, {})[leak.label] = value
    for nuisance, values in cells.items():
        table.add_row(nuisance, *(values[label] for label in classes))
    console.print(table)
    console.print(leaks.crossing, soft_wrap=True)
    console.print(f"Leak report: {leaks.verdict}", soft_wrap=True)
    for sentence in leaks.sentences:
        console.print(f"- {sentence}", soft_wrap=True)
