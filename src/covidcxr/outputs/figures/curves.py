"""ROC, precision-recall and reliability curves with their bootstrap bands.

The points and bands come from outside; nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from covidcxr.outputs.figures.style import (
    DASHES,
    MUTED,
    SERIES,
    SMALL,
    THEIRS,
    Drawing,
    new_figure,
    percent_axis,
    styled,
)

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Curve:
    """One line and its band.

    Attributes:
        label: In the legend, with the value ("COVID-19, 0.98 (0.97-0.99)").
        x, y: float64 (T,).
        low, high: float64 (T,) band at the same x, or None.
        position: Which class it is; fixes colour and dash.
    """

    label: str
    x: FloatArray
    y: FloatArray
    low: FloatArray | None = None
    high: FloatArray | None = None
    position: int = 0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ReliabilityCurve:
    """Bins of equal mass.

    Attributes:
        label: In the legend.
        confidence: float64 (B,) mean predicted probability of each bin.
        share_right: float64 (B,) share of the bin that is of the class predicted.
        low, high: float64 (B,) interval of ``share_right``; NaN where it has none.
        confidences: float64 (N,) all of them, for the histogram below.
    """

    label: str
    confidence: FloatArray
    share_right: FloatArray
    low: FloatArray
    high: FloatArray
    confidences: FloatArray


def draw_roc_and_pr(
    name: str, title: str, roc: Sequence[Curve], pr: Sequence[Curve], chance: Sequence[float]
) -> Drawing:
    """Return ROC and precision-recall panels; ``chance`` is each PR curve's prevalence."""
    figure, (left, right) = new_figure(8.6, 4.35, columns=2)
    with styled():
        for curve in roc:
            _draw_curve(left, curve)
        left.plot([0, 1], [0, 1], color=THEIRS, lw=1.0, ls=(0, (1, 2)))
        left.text(0.62, 0.56, "chance", color=MUTED, size=SMALL, rotation=45, rotation_mode="anchor")
        left.set(xlabel="1 - specificity", ylabel="Sensitivity", title="ROC, each class against the rest")
        for curve in pr:
            _draw_curve(right, curve)
        for curve, prevalence in zip(pr, chance, strict=True):
            right.axhline(prevalence, color=SERIES[curve.position % len(SERIES)], lw=0.8, ls=(0, (1, 3)))
        right.set(xlabel="Sensitivity (recall)", ylabel="PPV (precision)", title="Precision-recall")
        for axis in (left, right):
            axis.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.015))
            percent_axis(axis)
            axis.set_aspect("equal")
        left.legend(title="AUROC (95 % confidence interval)", loc="lower right", title_fontsize=SMALL, alignment="left")
        right.legend(title="Average precision", loc="lower left", title_fontsize=SMALL, alignment="left")
    return Drawing(
        name=name,
        title=title,
        caption="Bands: 95 % confidence intervals of a bootstrap by patient; dotted lines: chance.",
        figure=figure,
        spoken="; ".join(f"ROC {curve.label}" for curve in roc) + ".",
    )


def draw_reliability(name: str, title: str, curves: Sequence[ReliabilityCurve]) -> Drawing:
    """Return confidence against the share that was right, with the distribution of confidence below."""
    figure, axes = new_figure(4.3 * len(curves), 4.9, columns=len(curves), rows=2, height_ratios=(4, 1))
    with styled():
        for position, curve in enumerate(curves):
            _draw_reliability(axes[position], axes[len(curves) + position], curve)
    return Drawing(
        name=name,
        title=title,
        caption="Predictions in bins of equal size: how sure the network was of its answer, how often it was right. "
        "On the diagonal the two agree; below it the network is overconfident. Bars: 95 % confidence intervals; "
        "below is "
        "how often each confidence occurs.",
        figure=figure,
        spoken="; ".join(curve.label for curve in curves) + ".",
    )


def _draw_curve(axis: Axes, curve: Curve) -> None:
    colour = SERIES[curve.position % len(SERIES)]
    if curve.low is not None and curve.high is not None:
        axis.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.16, lw=0)
    axis.plot(
        curve.x,
        curve.y,
        color=colour,
        ls=DASHES[curve.position % len(DASHES)],
        label=curve.label,
        solid_joinstyle="round",
    )


def _draw_reliability(main: Axes, strip: Axes, curve: ReliabilityCurve) -> None:
    main.plot([0, 1], [0, 1], color=THEIRS, lw=1.0, ls=(0, (1, 2)))
    below = np.maximum(curve.share_right - curve.low, 0)
    above = np.maximum(curve.high - curve.share_right, 0)
    main.errorbar(
        curve.confidence,
        curve.share_right,
        yerr=np.nan_to_num(np.stack([below, above])),
        color=SERIES[1],
        marker="o",
        ms=4.5,
        lw=1.4,
        elinewidth=1.0,
    )
    lowest = max(0.0, float(np.floor(10 * np.nanmin([curve.confidence, curve.share_right, curve.low])) / 10))
    main.set(xlim=(lowest, 1.01), ylim=(lowest, 1.02), ylabel="Share that was right", title=curve.label)
    strip.hist(
        curve.confidences,
        bins=np.linspace(lowest, 1.0, 26).tolist(),
        color=SERIES[1],
        alpha=0.75,
        edgecolor="white",
        lw=0.4,
    )
    strip.set(xlim=(lowest, 1.01), xlabel="Confidence in the answer", ylabel="Images")
    strip.grid(visible=False)
