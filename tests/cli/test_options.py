from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from rich.console import Console
from rich.progress import Progress

from covidcxr.cli.options import TerminalProgress, rate_words


@pytest.mark.parametrize(
    ("per_second", "words"), [(None, ""), (0.0, ""), (234.56, "234.6/s"), (1.0, "1.0/s"), (0.05, "3.0/min")]
)
def test_rates_are_told_by_the_second_or_by_the_minute(per_second: float | None, words: str) -> None:
    assert rate_words(per_second) == words


def tracked(progress: TerminalProgress, num: int, *, total: int) -> tuple[Iterator[int], Progress]:
    """Return items of which the first is taken, and the bars on the terminal."""
    items = progress.track(iter(range(num)), total=total, label="predict")
    next(items)
    assert progress._bars is not None
    return items, progress._bars


def test_a_bar_takes_a_corrected_total() -> None:
    progress = TerminalProgress()
    items, bars = tracked(progress, 3, total=10)
    progress.expect(3)
    assert bars.tasks[0].total == 3
    assert list(items) == [1, 2]
    progress.expect(5)  # nothing is drawn any more


def test_the_rate_is_that_of_the_whole_way_also_where_items_come_in_one_burst() -> None:
    items, bars = tracked(TerminalProgress(), 12, total=12)
    task = bars.tasks[0]
    list(items)
    task.finished_time = 4.0
    shown = io.StringIO()
    Console(file=shown, width=120).print(bars.make_tasks_table([task]))
    assert "12/12 3.0/s" in shown.getvalue()
