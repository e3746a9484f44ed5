"""Accuracy and loss by epoch, as the publication's Figures 5 and 6 show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

from covidcxr.outputs.figures.style import MUTED, SERIES, SMALL, THEIRS, Drawing, new_figure, styled


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochSeries:
    """A training, epoch by epoch; the sequences are of one length.

    Attributes:
        epochs: 1-based.
        train_accuracy, train_loss: While training, with its augmentation.
        validation_accuracy, validation_loss: At the end of each epoch.
        validation_name: What the validation images were: "test" where the recipe watches the test split.
        kept_epoch: Whose weights the bundle has; 0 if unknown.
        published_accuracy: The publication's final accuracy, drawn as a line; None if there is none.
    """

    epochs: Sequence[int]
    train_accuracy: Sequence[float]
    train_loss: Sequence[float]
    validation_accuracy: Sequence[float]
    validation_loss: Sequence[float]
    validation_name: str = "validation"
    kept_epoch: int = 0
    published_accuracy: float | None = None


def draw_history(name: str, title: str, series: EpochSeries) -> Drawing:
    """Return an accuracy panel and a loss panel, by epoch."""
    figure, axes = new_figure(8.6, 3.5, columns=2)
    lines = (
        (axes[0], "Accuracy", series.train_accuracy, series.validation_accuracy),
        (axes[1], "Loss", series.train_loss, series.validation_loss),
    )
    with styled():
        for axis, label, train, validation in lines:
            axis.plot(series.epochs, train, color=SERIES[1], marker="o", ms=4, label="train")
            axis.plot(
                series.epochs,
                validation,
                color=SERIES[0],
                marker="s",
                ms=4,
                ls=(0, (6, 2)),
                label=series.validation_name,
            )
            axis.set(title=f"{label} by epoch", xlabel="Epoch")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            if series.kept_epoch:
                axis.axvline(series.kept_epoch, color=THEIRS, lw=0.9, ls=(0, (1, 2)))
        if series.published_accuracy is not None:
            axes[0].axhline(series.published_accuracy, color=THEIRS, lw=1.0)
            axes[0].annotate(
                f"published\n{series.published_accuracy:.3f}",
                (1.0, series.published_accuracy),
                xycoords=("axes fraction", "data"),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                color=MUTED,
                size=SMALL,
            )
        axes[0].legend(loc="lower right")
        axes[1].legend(loc="upper right")
    return Drawing(name=name, title=title, caption=_caption(series), figure=figure)


def _caption(series: EpochSeries) -> str:
    words = "Values of the training images are those met while training, augmentation included."
    if len(series.validation_accuracy) > 1:
        low, high = min(series.validation_accuracy), max(series.validation_accuracy)
        words += (
            f" Accuracy on the {series.validation_name} images ranged from {low:.3f} to {high:.3f} over the epochs."
        )
    if series.kept_epoch:
        words += f" The dotted line marks epoch {series.kept_epoch}, whose weights were kept."
    return words
