"""``history.json``: what each epoch of a training scored, written after every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from covidcxr.core.artefacts import write_text
from covidcxr.core.errors import TrainingError

HISTORY_FILE = "history.json"  # beside the bundle


class EpochHistory(BaseModel):
    """One epoch.

    Attributes:
        epoch: From 1.
        learning_rate: At its last step.
        train, validation: Metric name (loss, accuracy, precision, recall, balanced_accuracy) to value; those of
            training are running means over the epoch, as in Keras.
        confusion: Of the validation images; rows actual, columns predicted.
        seconds: Wall time, validation included.
        images_per_second: Of the training part alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epoch: int
    learning_rate: float
    train: dict[str, float]
    validation: dict[str, float]
    confusion: list[list[int]]
    seconds: float
    images_per_second: float


class History(BaseModel):
    """A training so far; ``run_id`` is the digest of recipe and dataset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    finished: bool
    epochs: list[EpochHistory]


def write_history(path: Path, run_id: str, epochs: Sequence[EpochHistory], *, finished: bool = True) -> None:
    """Write ``history.json``, atomically."""
    history = History(run_id=run_id, finished=finished, epochs=list(epochs))
    write_text(path, history.model_dump_json(indent=1) + "\n")


def read_history(path: Path) -> History | None:
    """Return the history at ``path``, or None if there is none.

    Raises:
        TrainingError: If the file is no history.
    """
    if not path.is_file():
        return None
    try:
        return History.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise TrainingError(
            f"{path}: not a training history ({error.error_count()} faults); delete it and train again"
        ) from None
