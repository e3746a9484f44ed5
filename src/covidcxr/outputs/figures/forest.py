"""Forest plots: many values with their intervals on one scale, so that overlap can be seen at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from covidcxr.outputs.figures.style import INK, MUTED, SERIES, SMALL, THEIRS, Drawing, new_figure, styled


@dataclass(frozen=True, kw_only=True, slots=True)
class ForestRow:
    """One line of the plot.

    Attributes:
        label: At the left.
        value, low, high: With its interval; all None if not estimable.
        note: At the right, after the numbers ("n = 12, small").
        heading: True for a line that only carries a label.
        soft: True to draw it pale (a small group).
        series: Which colour of the palette.
    """

    label: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""
    heading: bool = False
    soft: bool = False
    series: int = 1


def draw_forest(
    name: str,
    title: str,
    rows: Sequence[ForestRow],
    *,
    axis_label: str,
    reference: float | None = None,
    caption: str = "",
) -> Drawing:
    """Return the plot; ``reference`` is a vertical line (the whole cohort's value, or chance)."""
    figure, (axis,) = new_figure(7.8, 0.85 + 0.27 * len(rows))
    numbers = [number for row in rows for number in (row.value, row.low, row.high) if number is not None]
    lowest = min([*numbers, 0.9] if reference is None else [*numbers, 0.9, reference]) - 0.03
    with styled():
        if reference is not None:
            axis.axvline(reference, color=THEIRS, lw=0.9, ls=(0, (3, 2)))
        for height, row in enumerate(rows):
            alpha = 0.45 if row.soft else 1.0
            colour = SERIES[row.series]
            if row.low is not None and row.high is not None:
                axis.plot(
                    [row.low, row.high], [height, height], color=colour, lw=2.0, alpha=alpha, solid_capstyle="butt"
                )
            if row.value is not None:
                axis.plot([row.value], [height], color=colour, marker="o", ms=5, alpha=alpha, mec="white", mew=0.6)
            words = row.note if row.value is None else " · ".join(part for part in (_interval(row), row.note) if part)
            axis.annotate(
                words, (1.0, height), xycoords=("axes fraction", "data"), xytext=(8, 0), textcoords="offset points",
                va="center", size=SMALL, color=MUTED,
            )  # fmt: skip
        axis.set_yticks(range(len(rows)), [row.label if row.heading else f"  {row.label}" for row in rows])
        for row, text in zip(rows, axis.get_yticklabels(), strict=True):
            text.set(color=INK, weight="bold" if row.heading else "normal")
        axis.set(
            ylim=(len(rows) - 0.4, -0.6),
            xlim=(lowest, min(max(numbers, default=1.0) + 0.02, 1.01)),
            xlabel=axis_label,
        )
        axis.grid(visible=False, axis="y")
        axis.tick_params(axis="y", length=0)
        axis.spines["left"].set_visible(False)
    spoken = "; ".join(f"{row.label} {_interval(row)}" for row in rows if row.value is not None)
    return Drawing(name=name, title=title, caption=caption, figure=figure, spoken=spoken)


def _interval(row: ForestRow) -> str:
    value = "" if row.value is None else f"{row.value:.3f}"
    return value if row.low is None or row.high is None else f"{value} ({row.low:.3f}-{row.high:.3f})"
