"""The curves of a training, from the ``history.json`` that lies beside its bundle."""

from __future__ import annotations

from covidcxr.evaluation.published import PublishedResult
from covidcxr.models.bundle import Bundle
from covidcxr.models.history import History
from covidcxr.outputs.figures.history import EpochSeries


def training_curves(bundle: Bundle, history: History | None, published: PublishedResult | None) -> EpochSeries | None:
    """Return the curves of ``history``; None if the bundle travelled without its training, or that has no epoch."""
    epochs = history.epochs if history is not None else []
    if not epochs:
        return None
    seen = bundle.info.history.validation_split == "test"
    return EpochSeries(
        epochs=[epoch.epoch for epoch in epochs],
        train_accuracy=[epoch.train["accuracy"] for epoch in epochs],
        train_loss=[epoch.train["loss"] for epoch in epochs],
        validation_accuracy=[epoch.validation["accuracy"] for epoch in epochs],
        validation_loss=[epoch.validation["loss"] for epoch in epochs],
        validation_name="test" if seen else "validation",
        kept_epoch=bundle.info.history.kept_epoch,
        published_accuracy=_published_accuracy(published) if seen else None,
    )


def _published_accuracy(published: PublishedResult | None) -> float | None:
    values = published.values if published else ()
    return next((value.value for value in values if value.row == "Test" and value.metric == "Accuracy"), None)
