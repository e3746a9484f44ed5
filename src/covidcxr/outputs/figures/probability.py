"""The probability that the true class got, image by image, for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from numpy.typing import NDArray

from covidcxr.outputs.figures.style import INK, MUTED, SERIES, SMALL, THEIRS, Drawing, new_figure, styled

_MOST_POINTS = 1500


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ClassProbabilities:
    """One class.

    Attributes:
        label: The class.
        values: float64 (N,) probability of the true class of each of its images.
        mean, low, high: With its 95 % confidence interval.
        theirs: Published (mean, low, high), or None.
    """

    label: str
    values: NDArray[np.float64]
    mean: float
    low: float
    high: float
    theirs: tuple[float, float, float] | None = None


def draw_true_probability(name: str, title: str, classes: Sequence[ClassProbabilities], *, seed: int = 0) -> Drawing:
    """Return a strip and a violin of every class, its mean with interval, and the published mean where there is one."""
    figure, (axis,) = new_figure(7.2, 0.9 + 1.05 * len(classes))
    generator = np.random.default_rng(seed)
    with styled():
        for position, entry in enumerate(classes):
            colour = SERIES[position % len(SERIES)]
            if len(np.unique(entry.values)) > 2:
                body = axis.violinplot(
                    entry.values,
                    positions=[position - 0.06],
                    orientation="horizontal",
                    widths=0.66,
                    side="low",
                    showextrema=False,
                )
                for shape in cast("list[PolyCollection]", body["bodies"]):
                    shape.set(facecolor=colour, alpha=0.25, edgecolor="none")
            shown = entry.values
            if shown.size > _MOST_POINTS:
                shown = generator.choice(shown, _MOST_POINTS, replace=False)
            heights = position + 0.14 + generator.uniform(-0.07, 0.07, shown.size)
            axis.scatter(shown, heights, s=5, color=colour, alpha=0.35, lw=0, rasterized=True)
            _draw_mean(axis, position + 0.34, (entry.mean, entry.low, entry.high), colour, INK)
            if entry.theirs is not None:
                _draw_mean(axis, position + 0.45, entry.theirs, THEIRS, MUTED)
        axis.set_yticks(range(len(classes)), [f"{entry.label}\n({entry.values.size})" for entry in classes])
        axis.set(xlim=(-0.02, 1.02), ylim=(len(classes) - 0.4, -0.5), xlabel="Probability given to the true class")
        axis.tick_params(axis="y", length=0, labelcolor=INK)
        axis.grid(visible=False, axis="y")
    means = "; ".join(f"{entry.label} {entry.mean:.3f} ({entry.low:.3f}-{entry.high:.3f})" for entry in classes)
    published = " Gray bars below them are the published means." if any(entry.theirs for entry in classes) else ""
    return Drawing(
        name=name,
        title=title,
        caption=f"Dots: images; shapes: their distribution; bars: mean with its 95 % confidence interval.{published}",
        figure=figure,
        spoken=f"Means: {means}.",
    )


def _draw_mean(axis: Axes, height: float, value: tuple[float, float, float], colour: str, ink: str) -> None:
    mean, low, high = value
    axis.plot([low, high], [height, height], color=colour, lw=2.4, solid_capstyle="butt")
    axis.plot([mean], [height], color=colour, marker="D", ms=4.5, markeredgecolor="white", markeredgewidth=0.7)
    axis.annotate(
        f"{mean:.3f}", (high, height), xytext=(5, 0), textcoords="offset points", va="center", color=ink, size=SMALL
    )
