"""``covidcxr sources``: what public sources are there, and how to get the others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from covidcxr.cli.options import JsonOption, QuietOption, SourcesOption, plain_console, print_json, progress_for

if TYPE_CHECKING:
    from covidcxr.sources.survey import SourceStatus


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    group = typer.Typer(
        help="The public sources: what is on this machine, and fetching the rest.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command("list", epilog="Example: covidcxr sources list --sources data/sources")(list_sources)
    group.command("fetch", epilog="Example: covidcxr sources fetch figure1 actualmed --sources data/sources")(
        fetch_sources
    )
    app.add_typer(group, name="sources")


def list_sources(sources: SourcesOption = None, as_json: JsonOption = False, quiet: QuietOption = False) -> int:
    """Show every known source: where it is, licence, citation, images, labels and problems.

    Exits with 2 if the folder of a source is there but cannot be read.
    """
    from covidcxr.sources.lookup import find_sources_root, is_synthetic
    from covidcxr.sources.survey import survey

    root = find_sources_root(sources)
    found = survey(root, progress=progress_for(quiet=quiet or as_json))
    if as_json:
        synthetic = root is not None and is_synthetic(root)
        print_json({"root": root and str(root), "synthetic": synthetic, "sources": [_document(one) for one in found]})
    else:
        _print_table(found, root, quiet=quiet)
    return 2 if any(status.fault for status in found) else 0


def fetch_sources(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Sources, as `covidcxr sources list` names them.")
    ],
    sources: Annotated[
        Path | None, typer.Option("--sources", help="Folder to fetch into; else COVIDCXR_SOURCES, then ./data/sources.")
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Download sources from their public origins; an interrupted download goes on where it stopped."""
    from covidcxr.sources import SOURCES
    from covidcxr.sources.fetch import fetch_source
    from covidcxr.sources.lookup import fetch_root

    for name in names:
        SOURCES.get(name)  # a misspelt name is said before anything is downloaded
    root = fetch_root(sources)
    progress = progress_for(quiet=quiet)
    folders = {name: fetch_source(name, root, progress=progress) for name in names}
    if as_json:
        print_json({"root": str(root), "folders": {name: str(folder) for name, folder in folders.items()}})
    elif not quiet:
        for name, folder in folders.items():
            typer.echo(f"{name}: {folder}")


def _document(status: SourceStatus) -> dict[str, Any]:
    info = status.info
    return {
        "name": info.name,
        "title": info.title,
        "folder": status.folder and str(status.folder),
        "version": status.version,
        "licence": info.licence,
        "citation": info.citation,
        "homepage": info.homepage,
        "fetchable": status.fetchable,
        "rows": status.num_rows,
        "files": status.num_files,
        "images": status.num_records,
        "patients": status.num_patients,
        "labels": dict(status.labels),
        "frontal": dict(status.frontal),
        "problems": dict(status.problems),
        "error": status.fault,
    }


def _print_table(found: list[SourceStatus], root: Path | None, *, quiet: bool) -> None:
    from rich import box
    from rich.table import Table

    console = plain_console(piped_width=160)
    table = Table(box=box.SIMPLE_HEAD, title=_title(root), title_justify="left", pad_edge=False)
    table.add_column("source", no_wrap=True)
    for column in ("images", "rows", "patients"):
        table.add_column(column, justify="right")
    for column in ("labels (frontal by metadata)", "problems", "where"):
        table.add_column(column, overflow="fold")
    for status in found:
        table.add_row(*_cells(status, root))
    console.print(table)
    if not quiet:
        for status in found:
            if status.folder is not None:
                console.print(f"{status.info.name}: licence: {status.info.licence}", soft_wrap=True)
                console.print(f"  cite: {status.info.citation}  {status.info.homepage}", soft_wrap=True)
    for status in found:
        if status.fault:
            typer.echo(f"covidcxr: {status.fault}", err=True)


def _title(root: Path | None) -> str:
    from covidcxr.sources.lookup import SOURCES_VARIABLE, USUAL_PLACES, is_synthetic

    if root is None:
        places = " nor in ".join(str(place) for place in USUAL_PLACES)
        return f"No sources found: no --sources, no {SOURCES_VARIABLE}, nothing in {places}"
    return f"Sources in {root}" + (" (SYNTHETIC phantoms, no radiographs)" if is_synthetic(root) else "")


def _cells(status: SourceStatus, root: Path | None) -> tuple[str, ...]:
    name = status.info.name
    if status.folder is None:
        missing = f"not here; covidcxr sources fetch {name}" if status.fetchable else "not here; by hand"
        return name, "-", "-", "-", "", "", missing
    where = str(status.folder.relative_to(root)) if root and status.folder.is_relative_to(root) else str(status.folder)
    if status.fault:
        return name, "-", "-", "-", "", "cannot be read, see below", where
    labels = ", ".join(f"{label} {count} ({status.frontal.get(label, 0)})" for label, count in status.labels.items())
    problems = ", ".join(f"{rule} {count}" for rule, count in status.problems.items())
    rows = f"{status.num_rows:,}" if status.num_rows else "none"
    return name, f"{status.num_records:,}", rows, f"{status.num_patients:,}", labels, problems or "none", where
