"""Confusion matrices as heat maps, one panel a matrix, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from covidcxr.outputs.figures.style import BODY, INK, MUTED, SMALL, Drawing, new_figure, styled

_SHADES = LinearSegmentedColormap.from_list("shades", ["#f3f6fa", "#bcd3e6", "#5f9bc6", "#1f6aa5", "#0b3d69"])
_DARK_FROM = 0.55  # share of a row from which white text reads better on the shade than ink


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ConfusionPanel:
    """One matrix.

    Attributes:
        title: Above the panel ("Published", "This run").
        classes: Of rows and columns.
        counts: int64 (C, C); rows actual, columns predicted.
    """

    title: str
    classes: tuple[str, ...]
    counts: NDArray[np.int64]


def draw_confusion(name: str, title: str, panels: Sequence[ConfusionPanel]) -> Drawing:
    """Return ``panels`` beside each other; a cell's shade is its share of the row, its text the count and the share."""
    size = max(len(panel.classes) for panel in panels)
    figure, axes = new_figure(max(3.4, 1.0 + 0.95 * size) * len(panels), 1.05 + 0.85 * size, columns=len(panels))
    with styled():
        for position, (axis, panel) in enumerate(zip(axes, panels, strict=True)):
            _draw_panel(axis, panel, first=position == 0)
    words = "; ".join(_in_words(panel) for panel in panels)
    return Drawing(
        name=name,
        title=title,
        caption=f"Rows: actual class; columns: predicted class; shade and percentage are shares of the row. {words}.",
        figure=figure,
    )


def _draw_panel(axis: Axes, panel: ConfusionPanel, *, first: bool) -> None:
    totals = panel.counts.sum(axis=1, keepdims=True)
    shares = panel.counts / np.maximum(totals, 1)
    size = len(panel.classes)
    axis.pcolormesh(
        np.arange(size + 1) - 0.5,
        np.arange(size + 1) - 0.5,
        shares,
        cmap=_SHADES,
        vmin=0,
        vmax=1,
        edgecolors="white",
        lw=2,
    )
    axis.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), title=panel.title)
    axis.set_xticks(range(size), panel.classes)
    rows = [f"{label}\n({int(total)})" for label, total in zip(panel.classes, totals[:, 0], strict=True)]
    axis.set_yticks(range(size), rows)
    axis.set_xlabel("Predicted")
    if first:
        axis.set_ylabel("Actual")
    axis.grid(visible=False)
    axis.tick_params(length=0, labelcolor=INK)
    axis.spines[:].set_visible(False)
    for row, column in np.ndindex(size, size):
        dark = shares[row, column] > _DARK_FROM
        colour, soft = ("#ffffff", "#e6eef6") if dark else ("#16202c", "#46525f")
        axis.text(
            column, row - 0.08, f"{panel.counts[row, column]:,}", ha="center", va="center", color=colour, size=BODY + 3
        )
        if totals[row, 0]:
            percentage = f"{100 * shares[row, column]:.1f} %"
            axis.text(column, row + 0.24, percentage, ha="center", va="center", color=soft, size=SMALL - 0.5)
        else:
            axis.text(column, row + 0.24, "no case", ha="center", va="center", color=MUTED, size=SMALL - 0.5)


def _in_words(panel: ConfusionPanel) -> str:
    right, total = int(np.trace(panel.counts)), int(panel.counts.sum())
    return f"{panel.title}: {right:,} of {total:,} on the diagonal ({right / max(total, 1):.1%})"
