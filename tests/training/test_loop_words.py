from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from covidcxr.core.progress import Silent
from covidcxr.core.recipe import Recipe


class Words(Silent):
    def __init__(self) -> None:
        self.statuses: list[str] = []
        self.messages: list[str] = []

    def status(self, text: str) -> None:
        self.statuses.append(text)

    def message(self, text: str) -> None:
        self.messages.append(text)


def test_the_progress_line_tells_the_validation_score_and_the_time_left_of_all(
    run: Callable[..., Path], small_recipe: Callable[..., Recipe]
) -> None:
    words = Words()
    run(small_recipe(epochs=2), progress=words)
    assert re.fullmatch(r"loss .* images/s, 0 min left in all", words.statuses[0])
    assert re.fullmatch(r"loss .* images/s, validation [01]\.\d{4}, 0 min left in all", words.statuses[-1])


def test_early_stopping_says_that_it_ended_the_training_and_what_is_kept(
    run: Callable[..., Path], small_recipe: Callable[..., Recipe]
) -> None:
    words = Words()
    schedule = {"name": "steps", "starts": [0, 1], "rates": [2e-3, 1e-12]}
    run(small_recipe(epochs=9, early_stopping=1, schedule=schedule), progress=words)
    assert any(
        re.fullmatch(r"2 of at most 9 epochs; the weights of epoch 1 are kept, the best .* \([01]\.\d{4}\)", message)
        for message in words.messages
    )
