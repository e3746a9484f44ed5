"""The options that every command shares, and the progress bar they control.

What a command does is not known here.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from covidcxr.core.errors import EvaluationError
from covidcxr.core.left_out import LeftOut, left_out_sentence, write_left_out
from covidcxr.core.outside_text import visible
from covidcxr.core.progress import SILENT, Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

T = TypeVar("T")

RecipeArgument = Annotated[str, typer.Argument(help="Name of a recipe (covidcxr recipes list), or a TOML file.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no closing words.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, for other programs.")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps; auto takes the fastest there is.")]
SourcesOption = Annotated[
    Path | None,
    typer.Option(
        "--sources",
        help="Folder of the public sources; else COVIDCXR_SOURCES, ./data/sources or ../shared/data/sources.",
    ),
]
WorkersOption = Annotated[int | None, typer.Option("--workers", min=1, help="Processes; by default one per core.")]
PrevalenceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--prevalence",
        metavar="CLASS=P",
        help="Also give PPV and NPV at this prevalence; repeatable. For COVID-19 (else the first class), decision "
        "curve and sample sizes too.",
    ),
]
IntervalsOption = Annotated[
    Literal["student", "percentile", "bca"],
    typer.Option(
        "--intervals",
        help="student holds in small cohorts too; percentile and bca resample patients, for 100 patients or more.",
    ),
]
EngineOption = Annotated[
    Literal["local", "ray"],
    typer.Option("--engine", help="Where it runs: here, or on a Ray cluster (RAY_ADDRESS; extra ray)."),
]
GateOption = Annotated[
    bool | None,
    typer.Option(
        "--gate/--no-gate", help="Refuse anything that is not a frontal chest radiograph; on, except for phantoms."
    ),
]
TurnOption = Annotated[
    bool, typer.Option("--turn", help="Turn or invert images that the gate refuses for that alone, with a warning.")
]
StudyOption = Annotated[
    Path | None,
    typer.Option("--study", help="TOML file of what only the author knows (funding, ethics, ...), for the checklists."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change one value of the recipe, e.g. training.epochs=3; repeatable."
    ),
]


def asked_gate(gate: bool | None, *, turn: bool) -> bool | None:
    """Return whether the caller asked for the input gate, or for none, or, with None, for neither.

    Raises:
        typer.BadParameter: If images are to be turned without a gate that tells which.
    """
    if turn and gate is False:
        raise typer.BadParameter("needs the gate, which tells what to turn; leave --no-gate out", param_hint="--turn")
    return True if turn else gate


def progress_for(*, quiet: bool) -> Progress:
    """Return what draws progress on stderr, or the silent one."""
    return SILENT if quiet else TerminalProgress()


def print_json(document: Any) -> None:
    """Print ``document`` as one line of JSON on stdout."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")


def plain_console(piped_width: int | None = None) -> Console:
    """Return a console on stdout that shows text from outside as it is: no markup, no emoji, no guessed colours.

    ``piped_width`` is the width of tables where there is no terminal, which would tell its own.
    """
    from rich.console import Console

    width = None if sys.stdout.isatty() else piped_width
    return Console(markup=False, emoji=False, highlight=False, width=width)


def report_left_out(items: Sequence[LeftOut], listing: Path | None, *, quiet: bool) -> None:
    """Say on stderr what was passed over in folders and tables, and write the full list to ``listing``, if given.

    ``quiet`` leaves only the list.

    Raises:
        OutputError: If the list cannot be written, or another file is in its place.
    """
    if listing is not None:
        write_left_out(listing, items)
    if items and not quiet:
        where = f"; listed in {listing}" if listing is not None else ""
        sys.stderr.write(f"{visible(left_out_sentence(items))}{where}\n")


def print_synthetic(console: Console) -> None:
    """Print, in red, that nothing below was measured on radiographs."""
    console.print(
        "SYNTHETIC DATA: computed phantoms, not radiographs; no number below means anything.", style="bold red"
    )


def typed_command() -> str:
    """Return what was typed, for a report to repeat."""
    return shlex.join(["covidcxr", *sys.argv[1:]])


def split_pair(option: str, text: str) -> tuple[str, str]:
    """Return the two sides of a ``NAME=VALUE`` given to ``option``.

    Raises:
        EvaluationError: If ``text`` is nothing of the kind.
    """
    name, separator, value = text.partition("=")
    if not separator or not name.strip() or not value.strip():
        raise EvaluationError(f"{option} {text!r}: expected NAME=VALUE")
    return name.strip(), value.strip()


def split_pairs(option: str, texts: Iterable[str] | None) -> dict[str, str]:
    """Return every ``NAME=VALUE`` given to ``option`` as name to value.

    Raises:
        EvaluationError: If one is nothing of the kind, or two give one name different values.
    """
    pairs: dict[str, str] = {}
    for name, value in (split_pair(option, text) for text in texts or ()):
        if pairs.setdefault(name, value) != value:
            raise EvaluationError(f"{option} {name}={pairs[name]} and {option} {name}={value}: leave one of them")
    return pairs


class TerminalProgress:
    """A `Progress` that draws with rich on stderr: a bar with count, rate, time left and a status text."""

    def __init__(self) -> None:
        self._bars: RichProgress | None = None
        self._task: TaskID | None = None

    def track(self, items: Iterable[T], *, total: int | None, label: str) -> Iterator[T]:
        """Yield ``items`` unchanged, drawing a bar that goes when they end; nested calls share the display."""
        outer = self._bars is None
        bars = self._bars = self._bars or _bars()
        if outer:
            bars.start()
        previous, self._task = self._task, bars.add_task(label, total=total, status="")
        task = self._task
        try:
            for item in items:
                yield item
                bars.advance(task)
        finally:
            self._task = previous
            if outer:
                bars.stop()
                self._bars = None
            else:
                bars.remove_task(task)

    def expect(self, total: int) -> None:
        """Correct how many items the current bar will have."""
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, total=total)

    def status(self, text: str) -> None:
        """Show ``text`` beside the current bar."""
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, status=text)

    def message(self, text: str) -> None:
        """Print one line that stays, above the bar."""
        line = visible(text)
        if self._bars is not None:
            self._bars.console.print(line, markup=False, highlight=False)
        else:
            sys.stderr.write(line + "\n")


def rate_words(per_second: float | None) -> str:
    """Return a rate as a bar shows it: images, epochs or whatever it counts, by the second or by the minute."""
    if not per_second:
        return ""
    return f"{per_second:.1f}/s" if per_second >= 1.0 else f"{60 * per_second:.1f}/min"


def _bars() -> RichProgress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Task as RichTask
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: RichTask) -> Text:
            elapsed = task.finished_time or task.elapsed  # rich's own speed is that of the last burst of items
            return Text(rate_words(task.completed / elapsed if elapsed else None))

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[status]}"),
        console=Console(stderr=True),
    )
