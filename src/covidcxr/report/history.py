"""The training's ``history.json``, read for the curves of a report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from covidcxr.evaluation.published import PublishedResult
from covidcxr.models.bundle import Bundle
from covidcxr.outputs.figures.history import EpochSeries

HISTORY_FILE = "history.json"


def read_history(bundle: Bundle, published: PublishedResult | None) -> tuple[EpochSeries | None, dict[str, float]]:
    """Return the curves of the training beside ``bundle`` and its last training metrics.

    A bundle that travelled without its training has no curves; its description still has the last metrics.
    """
    train = dict(bundle.info.history.train)
    path = bundle.folder.parent / HISTORY_FILE
    if not path.is_file():
        return None, train
    epochs = _epochs(json.loads(path.read_text(encoding="utf-8")))
    if not epochs:
        return None, train
    seen = bundle.info.history.validation_split == "test"
    series = EpochSeries(
        epochs=[int(epoch["epoch"]) for epoch in epochs],
        train_accuracy=[float(epoch["train"]["accuracy"]) for epoch in epochs],
        train_loss=[float(epoch["train"]["loss"]) for epoch in epochs],
        validation_accuracy=[float(epoch["validation"]["accuracy"]) for epoch in epochs],
        validation_loss=[float(epoch["validation"]["loss"]) for epoch in epochs],
        validation_name="test" if seen else "validation",
        kept_epoch=bundle.info.history.kept_epoch,
        published_accuracy=_published_accuracy(published) if seen else None,
    )
    return series, train or {key: float(value) for key, value in epochs[-1]["train"].items()}


def _epochs(document: Any) -> list[Mapping[str, Any]]:
    rows = document.get("epochs", []) if isinstance(document, Mapping) else document
    whole = [row for row in rows if isinstance(row, Mapping) and row.get("train") and row.get("validation")]
    return [row for row in whole if {"accuracy", "loss"} <= row["train"].keys() & row["validation"].keys()]


def _published_accuracy(published: PublishedResult | None) -> float | None:
    values = published.values if published else ()
    return next((value.value for value in values if value.row == "Test" and value.metric == "Accuracy"), None)
