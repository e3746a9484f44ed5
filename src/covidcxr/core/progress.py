"""How long work tells how far it is, without knowing who listens.

The packages take a `Progress` and report to it; only ``cli/`` draws. The default listens to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Something that follows long work."""

    def track(self, items: Iterable[T], *, total: int | None, label: str) -> Iterator[T]:
        """Yield ``items`` unchanged, counting them towards ``total`` under ``label``."""
        ...

    def expect(self, total: int) -> None:
        """Correct how many items the current bar will have."""
        ...

    def status(self, text: str) -> None:
        """Show ``text`` beside the current bar (loss, rate, validation score)."""
        ...

    def message(self, text: str) -> None:
        """Show one line that stays."""
        ...


class Silent:
    """A `Progress` that shows nothing."""

    def track(self, items: Iterable[T], *, total: int | None, label: str) -> Iterator[T]:
        """Yield ``items`` unchanged."""
        del total, label
        yield from items

    def expect(self, total: int) -> None:
        """Ignore ``total``."""

    def status(self, text: str) -> None:
        """Ignore ``text``."""

    def message(self, text: str) -> None:
        """Ignore ``text``."""


SILENT = Silent()
