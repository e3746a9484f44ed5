"""What a report page is made of, whatever it reports: banners, a headline, and sections of blocks.

The words and numbers come from outside; `covidcxr.outputs.html` turns a page into one file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from covidcxr.core.types import Metric
from covidcxr.outputs.figures.style import Drawing

Tone = Literal["", "good", "warn", "bad", "muted"]
NOT_ESTIMABLE = "not estimable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One cell of a table: its text, what stands small below it, and its tone."""

    text: str
    sub: str = ""
    tone: Tone = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row; a heading row spans the table and carries only a first cell."""

    cells: tuple[Cell, ...]
    heading: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table with a caption; the first column is the row's name, the others hold numbers."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    wordy: bool = False
    kind: Literal["table"] = "table"


@dataclass(frozen=True, kw_only=True, slots=True)
class Prose:
    """Paragraphs."""

    paragraphs: tuple[str, ...]
    kind: Literal["prose"] = "prose"


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """A list of plain sentences that a reader must not miss."""

    title: str
    items: tuple[str, ...]
    tone: Tone = "warn"
    kind: Literal["findings"] = "findings"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FigureBlock:
    """One drawing with its number and caption."""

    drawing: Drawing
    wide: bool = True
    kind: Literal["figure"] = "figure"


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One image of a gallery.

    Attributes:
        jpeg: The encoded image.
        title: Large, below it ("Normal, called Pneumonia").
        lines: Small, below that.
        alt: For people who cannot see it.
        heat: The same image under a heat map, encoded as JPEG, shown below it; empty if there is none.
    """

    jpeg: bytes
    title: str
    lines: tuple[str, ...]
    alt: str
    heat: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gallery:
    """Images with what was said of them, side by side as squares; ``strips`` gives each the full width instead."""

    caption: str
    pictures: tuple[Picture, ...]
    strips: bool = False
    kind: Literal["gallery"] = "gallery"


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Names and values, such as digests; ``code`` values are set in a fixed-width font."""

    items: tuple[tuple[str, str], ...]
    code: bool = True
    kind: Literal["facts"] = "facts"


@dataclass(frozen=True, kw_only=True, slots=True)
class Lines:
    """Text in a fixed-width font, line by line, such as a resolved recipe."""

    title: str
    text: str
    kind: Literal["lines"] = "lines"


Block = Table | Prose | Findings | FigureBlock | Gallery | Facts | Lines


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Section:
    """A titled part of the page; ``anchor`` is its place in the address and the contents."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]
    lead: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """One number of the headline."""

    label: str
    value: str
    detail: str = ""
    tone: Tone = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Headline:
    """The first screen: what the score is, and what it is worth.

    Attributes:
        score: One sentence with the score and its interval.
        verdict: ``believable``, ``doubtful`` or ``not believable``; empty where none was asked for.
        worth: Why, in plain sentences, the weightiest first.
        change: What data or measurement would change the verdict.
        tiles: The numbers to remember.
    """

    score: str
    verdict: str = ""
    worth: tuple[str, ...] = ()
    change: tuple[str, ...] = ()
    tiles: tuple[Tile, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Page:
    """A whole report."""

    kicker: str
    title: str
    subtitle: str
    headline: Headline
    sections: tuple[Section, ...]
    synthetic: bool = False
    footer: str = ""


def number(value: float | None, *, digits: int = 3) -> str:
    """Return a value as text, or "not estimable"."""
    return NOT_ESTIMABLE if value is None else f"{value:.{digits}f}".replace("-", "−")


def interval(metric: Metric, *, digits: int = 3, plus: bool = False) -> str:
    """Return a metric's 95 % confidence interval as text, a difference's with ``plus``; empty if it has none."""
    if metric.low is None or metric.high is None:
        return ""
    if plus:
        return f"{signed(metric.low, digits=digits)} to {signed(metric.high, digits=digits)}"
    return f"{metric.low:.{digits}f} to {metric.high:.{digits}f}".replace("-", "−")


def metric_cell(metric: Metric | None, *, digits: int = 3, tone: Tone = "") -> Cell:
    """Return a metric with its interval below it, or why there is none."""
    if metric is None:
        return Cell(text="–", sub="not measured", tone="muted")
    if metric.value is None:
        return Cell(text=NOT_ESTIMABLE, sub=metric.reason, tone="muted")
    return Cell(
        text=number(metric.value, digits=digits), sub=interval(metric, digits=digits) or metric.reason, tone=tone
    )


def difference_cell(change: Metric) -> Cell:
    """Return a difference with its sign and its interval below it, or why there is none."""
    if change.value is None:
        return Cell(text=NOT_ESTIMABLE, sub=change.reason, tone="muted")
    return Cell(text=signed(change.value), sub=interval(change, plus=True) or change.reason)


def signed(value: float | None, *, digits: int = 3) -> str:
    """Return a difference with its sign (a true minus), or a dash."""
    if value is None:
        return "–"
    rounded = round(value, digits) + 0.0  # the sum turns a negative zero into a plain one
    return f"{rounded:+.{digits}f}".replace("-", "−")
