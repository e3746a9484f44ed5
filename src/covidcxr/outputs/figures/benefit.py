"""What acting on the output brings: the decision curve, and the error left when the unsure are not answered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from covidcxr.outputs.figures.style import MUTED, SERIES, SMALL, THEIRS, Drawing, new_figure, percent_axis, styled

FloatArray = NDArray[np.float64]

_SMALLEST_TOP = 1e-3  # of net benefit: one true positive in a thousand images


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BenefitCurve:
    """Net benefit over the threshold probability; float64 (T,) each."""

    thresholds: FloatArray
    model: FloatArray
    low: FloatArray
    high: FloatArray
    treat_all: FloatArray


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RiskCurve:
    """Error among the answered over the share answered; float64 (T,) each."""

    coverage: FloatArray
    risk: FloatArray


def draw_benefit(name: str, title: str, benefit: BenefitCurve | None, risk: RiskCurve, *, target: str) -> Drawing:
    """Return the decision curve of ``target`` (where it is estimable) and the risk-coverage curve."""
    figure, axes = new_figure(8.6 if benefit else 4.3, 3.7, columns=2 if benefit else 1)
    with styled():
        if benefit is not None:
            _draw_benefit(axes[0], benefit, target)
        _draw_risk(axes[-1], risk)
    curve = (
        f"Left: net benefit of acting on {target} from a threshold probability on, in true positives an image, beside "
        "acting on all or on nobody; the band is a 95 % confidence interval. Right: "
        if benefit
        else ""
    )
    return Drawing(
        name=name,
        title=title,
        caption=f"{curve}share of wrong answers when only the surest are answered.",
        figure=figure,
        spoken=f"Error {risk.risk[-1]:.3f} when all are answered.",
    )


def _draw_benefit(axis: Axes, benefit: BenefitCurve, target: str) -> None:
    axis.fill_between(benefit.thresholds, benefit.low, benefit.high, color=SERIES[0], alpha=0.16, lw=0)
    axis.plot(benefit.thresholds, benefit.model, color=SERIES[0], label="the network")
    axis.plot(benefit.thresholds, benefit.treat_all, color=SERIES[1], ls=(0, (6, 2)), label="act on all")
    axis.axhline(0.0, color=THEIRS, lw=1.0, label="act on nobody")
    heights = np.concatenate([benefit.high, benefit.model, benefit.treat_all[:1], [_SMALLEST_TOP]])
    top = float(heights[np.isfinite(heights)].max())
    last = float(benefit.thresholds[-1])
    end = 1.0 if last > 0.5 else last
    axis.set(
        xlim=(0, end),
        ylim=(-0.25 * top, 1.1 * top),
        xlabel="Threshold probability",
        ylabel="Net benefit",
    )
    axis.set_title(f"Decision curve, {target}")
    percent_axis(axis, "x", top=end)
    axis.legend(loc="upper right")


def _draw_risk(axis: Axes, risk: RiskCurve) -> None:
    axis.plot(risk.coverage, risk.risk, color=SERIES[1], drawstyle="steps-post")
    axis.plot(risk.coverage[-1:], risk.risk[-1:], color=SERIES[1], marker="o", ms=5)
    axis.annotate(
        f"all answered: {risk.risk[-1]:.3f}",
        (risk.coverage[-1], risk.risk[-1]),
        xytext=(-6, 5),
        textcoords="offset points",
        ha="right",
        color=MUTED,
        size=SMALL,
    )
    axis.set(xlim=(0, 1.02), ylim=(0, max(0.05, 1.15 * float(risk.risk.max()))))
    axis.set(title="If the unsure are not answered", xlabel="Share answered", ylabel="Wrong among the answered")
    percent_axis(axis, "x")
