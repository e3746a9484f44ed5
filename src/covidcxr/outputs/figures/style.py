"""How every figure looks: one type scale, one palette, legible when printed in gray.

Class colours are those of Okabe and Ito (2008), which people with colour-vision deficiency can tell apart; lines also
differ in dash pattern and markers in shape, so colour never carries a meaning alone.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from covidcxr.core.artefacts import write_bytes, write_text

INK = "#1b2430"
MUTED = "#5d6875"
RULE = "#d5dae1"
FILL = "#eef1f5"
SERIES = ("#c8501e", "#0068a8", "#00806a", "#a34f86", "#b87a00", "#4a5a6a")  # Okabe-Ito, darkened for white paper
THEIRS = "#7b8794"
DASHES: tuple[str | tuple[float, Sequence[float]], ...] = ("solid", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1, 2)))
SMALL, BODY, TITLE = 8.0, 9.0, 10.5  # points
PNG_DPI = 200
_PAGE_PIXELS_PER_INCH = 104  # so that every drawing has the same size of type on a page

_PAGE_VARIABLES = {INK: "--ink", MUTED: "--muted", RULE: "--rule", FILL: "--fill", THEIRS: "--theirs"} | {
    colour: f"--series-{position}" for position, colour in enumerate(SERIES)
}
_SVG: WeakKeyDictionary[Drawing, str] = WeakKeyDictionary()  # a page and a file show the same drawing
_SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": BODY,
    "axes.titlesize": TITLE,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10.0,
    "axes.labelsize": BODY,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "text.color": INK,
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "covidcxr",
    "figure.dpi": 100,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, weakref_slot=True)
class Drawing:
    """A finished figure and the words that go with it.

    Attributes:
        name: File name without suffix.
        title: One line above it.
        caption: What it shows and how to read it.
        spoken: The values in words, for people who cannot see it.
        figure: The matplotlib figure.
    """

    name: str
    title: str
    caption: str
    figure: Figure
    spoken: str = ""


def new_figure(
    width: float, height: float, *, columns: int = 1, rows: int = 1, height_ratios: Sequence[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """Return a figure of ``width`` x ``height`` inches in the house style, and its axes row by row."""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, height_ratios=height_ratios)
        for axis in axes.flat:
            axis.tick_params(color=RULE)
    return figure, list(axes.flat)


@contextmanager
def styled() -> Iterator[None]:
    """Give text and lines made in the block the house style."""
    with mpl.rc_context(_SETTINGS):
        yield


def percent_axis(axis: Axes, which: str = "both", *, top: float = 1.0) -> None:
    """Label an axis from 0 to ``top``, a share, in quarters of it: 0, 25, 50, 75, 100 % for 1."""
    ticks = [quarter * top / 4 for quarter in range(5)]
    labels = [*(f"{100 * tick:g}" for tick in ticks[:-1]), f"{100 * top:g} %"]
    if which in {"x", "both"}:
        axis.set_xticks(ticks, labels)
    if which in {"y", "both"}:
        axis.set_yticks(ticks, labels)


def svg_text(drawing: Drawing) -> str:
    """Return the figure as a standalone SVG document with real text and a title and description in it."""
    if drawing not in _SVG:
        _settle(drawing.figure)
        stream = io.StringIO()
        metadata = {"Date": None, "Title": drawing.title, "Description": drawing.caption}
        canvas: Any = FigureCanvasSVG(drawing.figure)
        with styled():
            canvas.print_svg(stream, metadata=metadata)
        _SVG[drawing] = re.sub(r"font(-family)?: ([^;\"]*)'DejaVu Sans'[^;\"]*", _font, stream.getvalue())
    return _SVG[drawing]


def inline_svg(drawing: Drawing) -> str:
    """Return the figure as an ``<svg>`` element for a page, in the page's colours (CSS variables) and font."""
    text = svg_text(drawing)
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    for colour, variable in _PAGE_VARIABLES.items():
        text = text.replace(colour, f"var({variable}, {colour})")
    head, rest = text.split(">", 1)
    head = re.sub(r' (width|height)="[^"]*"', "", head)
    words = _attribute(" ".join(part for part in (f"{drawing.title}.", drawing.caption, drawing.spoken) if part))
    width = drawing.figure.get_figwidth() * _PAGE_PIXELS_PER_INCH
    return f'{head} role="img" aria-label="{words}" style="max-width: {width:.0f}px">{rest}'


def png_bytes(drawing: Drawing, *, dpi: int = PNG_DPI) -> bytes:
    """Return the figure as PNG on white."""
    _settle(drawing.figure)
    stream = io.BytesIO()
    canvas: Any = FigureCanvasAgg(drawing.figure)
    screen_dpi = drawing.figure.dpi
    drawing.figure.set(dpi=dpi, facecolor="white")
    with styled():
        canvas.print_png(stream, metadata={"Software": None})
    drawing.figure.set(dpi=screen_dpi, facecolor="none")
    return stream.getvalue()


def write_drawings(drawings: Sequence[Drawing], folder: Path) -> list[Path]:
    """Write every drawing as SVG and PNG into ``folder`` and return the paths.

    Raises:
        OutputError: If the place cannot be written.
    """
    paths = []
    for drawing in drawings:
        svg, png = folder / f"{drawing.name}.svg", folder / f"{drawing.name}.png"
        write_text(svg, svg_text(drawing))
        write_bytes(png, png_bytes(drawing))
        paths += [svg, png]
    return paths


def _settle(figure: Figure) -> None:
    """Lay the figure out once; every later drawing of it then keeps the places and saves the time."""
    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        with styled():
            FigureCanvasAgg(figure)
            figure.draw_without_rendering()
        figure.set_layout_engine("none")


def _font(match: re.Match[str]) -> str:
    return match.group(0).split("'DejaVu Sans'")[0] + "'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif"


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
