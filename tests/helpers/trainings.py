"""What tests of whole trainings share."""

from __future__ import annotations

from pathlib import Path

from covidcxr.core.progress import Silent
from covidcxr.models.history import read_history


def curve(run: Path) -> list[tuple[dict[str, float], dict[str, float]]]:
    """Return each epoch's training and validation metrics."""
    history = read_history(run / "history.json")
    assert history is not None
    return [(epoch.train, epoch.validation) for epoch in history.epochs]


class KilledAfter(Silent):
    """A progress that raises after some steps, as an interruption would."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def status(self, text: str) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
