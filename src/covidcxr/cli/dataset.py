"""``covidcxr dataset``: verify, describe, compare and export a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from covidcxr.cli.options import JsonOption, QuietOption, plain_console, print_json, progress_for
from covidcxr.core.errors import DatasetError

if TYPE_CHECKING:
    from covidcxr.dataset.compare import Difference

DatasetArgument = Annotated[Path, typer.Argument(help="A compiled dataset, or a tree of class folders.")]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    group = typer.Typer(help="Verify, describe, compare and export a dataset.", no_args_is_help=True)
    group.command("verify", epilog="Example: covidcxr dataset verify datasets/zhong2020")(verify)
    group.command("stats", epilog="Example: covidcxr dataset stats datasets/zhong2020 --by source --by view")(stats)
    group.command("diff", epilog="Example: covidcxr dataset diff datasets/may datasets/june")(diff)
    group.command("export", epilog="Example: covidcxr dataset export datasets/zhong2020 --to webdataset --out shards")(
        export
    )
    app.add_typer(group, name="dataset")


def verify(dataset: DatasetArgument, quiet: QuietOption = False, as_json: JsonOption = False) -> None:
    """Read every image again and compare it with the dataset's own digests; exit code 2 if anything differs."""
    from covidcxr.dataset import Dataset

    opened = Dataset.open(dataset)
    problems = opened.verify(progress_for(quiet=quiet or as_json))
    if as_json:
        listing = [{"path": problem.path, "detail": problem.detail} for problem in problems]
        print_json({"digest": opened.digest, "images": len(opened.samples), "ok": not problems, "problems": listing})
        if problems:
            raise typer.Exit(2)
        return
    if problems:
        listing_text = "\n".join(f"  {problem.path}: {problem.detail}" for problem in problems[:20])
        more = f"\n  and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise DatasetError(f"{dataset}: {len(problems)} problems; compile it again\n{listing_text}{more}")
    if not quiet:
        typer.echo(f"{dataset}: whole, {len(opened.samples)} images, digest {opened.digest}")


def stats(
    dataset: DatasetArgument,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="Column of manifest.csv to count by; repeatable. By default label and split."),
    ] = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Count images, patients and exclusions."""
    from covidcxr.dataset import Dataset
    from covidcxr.dataset.manifest import count_exclusions
    from covidcxr.dataset.statistics import count_by

    opened = Dataset.open(dataset)
    columns = by or ["label", "split"]
    rows = count_by(opened.samples, columns)
    excluded = count_exclusions(opened.manifest.exclusions)
    if as_json:
        counts = [
            {**dict(zip(columns, row.values, strict=True)), "images": row.num_images, "groups": row.num_groups}
            for row in rows
        ]
        print_json({"digest": opened.digest, "images": len(opened.samples), "counts": counts, "excluded": excluded})
        return
    from rich.table import Table

    table = Table(title=None if quiet else f"{opened.name}: {len(opened.samples)} images")
    for column in columns:
        table.add_column(column)
    table.add_column("images", justify="right")
    table.add_column("patients or images", justify="right")
    for row in rows:
        table.add_row(*(value or "unknown" for value in row.values), str(row.num_images), str(row.num_groups))
    plain_console().print(table)
    if excluded and not quiet:
        typer.echo("Left out: " + ", ".join(f"{rule} {number}" for rule, number in excluded.items()))


def diff(
    first: DatasetArgument,
    second: Annotated[Path, typer.Argument(help="The dataset to compare with.")],
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say which images came, went, or changed between two datasets; exit code 0 whether or not they differ."""
    from covidcxr.dataset import Dataset
    from covidcxr.dataset.compare import compare

    before, after = Dataset.open(first), Dataset.open(second)
    found = compare(before.manifest, after.manifest, first_recipe=before.recipe, second_recipe=after.recipe)
    if as_json:
        print_json({"same": found.same, "first": before.digest, "second": after.digest, **found.as_document()})
    elif not quiet:
        _print_difference(found)


def _print_difference(found: Difference) -> None:
    if found.same:
        typer.echo("The two datasets have the same digest.")
        return
    _print_one_sided("first", found.only_first, {fate.record_id: fate.second for fate in found.exclusions}, "second")
    _print_one_sided("second", found.only_second, {fate.record_id: fate.first for fate in found.exclusions}, "first")
    typer.echo(f"changed: {len({change.record_id for change in found.changed})} images")
    _print_some(
        f"{change.record_id}: {change.column} {change.first!r} became {change.second!r}" for change in found.changed
    )
    one_sided = {*found.only_first, *found.only_second}
    fates = [fate for fate in found.exclusions if fate.record_id not in one_sided]
    typer.echo(f"left out otherwise: {len(fates)} images")
    _print_some(f"{fate.record_id}: {fate.first} became {fate.second}" for fate in fates)
    typer.echo(f"other settings: {len(found.settings)}")
    _print_some(f"{setting.name}: {setting.first} became {setting.second}" for setting in found.settings)


def _print_one_sided(where: str, records: tuple[str, ...], reasons: Mapping[str, str], other: str) -> None:
    typer.echo(f"only in the {where}: {len(records)} images")
    _print_some(f"{record_id}: in the {other}, {reasons.get(record_id, 'not there')}" for record_id in records)


def _print_some(lines: Iterable[str]) -> None:
    for line in islice(lines, 10):
        typer.echo(f"  {line}")


def export(
    dataset: DatasetArgument,
    to: Annotated[
        str,
        typer.Option("--to", help="class-folders, archive (a ZIP of them), csv, parquet, imagefolder or webdataset."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder to write; for csv and parquet, a file.")],
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the dataset in another tool's format."""
    from covidcxr.dataset import Dataset
    from covidcxr.dataset.exports import EXPORTS

    opened = Dataset.open(dataset)
    EXPORTS.get(to)(opened, out, progress_for(quiet=quiet or as_json))
    if as_json:
        print_json({"format": to, "out": str(out), "images": len(opened.samples), "digest": opened.digest})
    elif not quiet:
        typer.echo(f"{out}: {len(opened.samples)} images as {to}")
