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
    print_json,
    progress_for,
)

if TYPE_CHECKING:
    from covidcxr.dataset import Dataset


def register(app: typer.Typer) -> None:
    """Add the verb to ``app``."""
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
    from covidcxr.dataset.manifest import count_exclusions, count_samples, read_dataset_file

    return {
        "dataset": str(dataset.root),
        "digest": dataset.digest,
        "synthetic": dataset.synthetic,
        "classes": list(dataset.classes),
        "counts": count_samples(dataset.samples, dataset.classes),
        "excluded": count_exclusions(dataset.manifest.exclusions),
        "notes": read_dataset_file(dataset.root).details.get("notes", []),
    }


def _print_summary(dataset: Dataset) -> None:
    from rich.console import Console
    from rich.table import Table

    from covidcxr.dataset.manifest import (
        EXCLUSIONS_FILE,
        SYNTHETIC_NOTICE,
        count_exclusions,
        count_samples,
        read_dataset_file,
    )

    console = Console()
    if dataset.synthetic:
        console.print(f"[bold red]{SYNTHETIC_NOTICE}")
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
    details = read_dataset_file(dataset.root).details
    for note in details.get("notes", []):
        console.print(f"- {note}", soft_wrap=True, markup=False, highlight=False)
    leaks = details.get("leaks", {"verdict": "not measured", "sentences": []})
    console.print(f"Leak report: {leaks['verdict']}", soft_wrap=True)
    for sentence in leaks["sentences"]:
        console.print(f"- {sentence}", soft_wrap=True, markup=False, highlight=False)
    console.print(f"Digest:  {dataset.digest}", soft_wrap=True)
    console.print(f"Dataset: {dataset.root}", soft_wrap=True)
