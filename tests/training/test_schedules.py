from __future__ import annotations

import pytest

from covidcxr.core.recipe import ScheduleRecipe
from covidcxr.core.recipe_toml import load_recipe
from covidcxr.training.schedules import learning_rate


def test_the_published_steps_fall_at_epochs_three_and_six() -> None:
    schedule = load_recipe("zhong2020").training.schedule
    rates = [learning_rate(schedule, 4e-4, epoch=epoch, epochs=12) for epoch in range(12)]
    assert rates == [4e-4] * 3 + [2e-4] * 3 + [1e-4] * 6


def test_three_stages_are_low_then_peak_then_low() -> None:
    schedule = ScheduleRecipe(name="three-stage", warmup_epochs=2, cooldown_start=5, low=0.1)
    rates = [learning_rate(schedule, 1.0, epoch=epoch, epochs=7) for epoch in range(7)]
    assert rates == pytest.approx([0.1, 0.1, 1, 1, 1, 0.1, 0.1])


def test_cosine_climbs_to_the_peak_and_ends_low() -> None:
    schedule = ScheduleRecipe(name="cosine", warmup_epochs=1, low=0.2)
    assert learning_rate(schedule, 2.0, epoch=0.5, epochs=5) == pytest.approx(1.0)
    assert learning_rate(schedule, 2.0, epoch=1, epochs=5) == pytest.approx(2.0)
    assert learning_rate(schedule, 2.0, epoch=3, epochs=5) == pytest.approx(2.0 * (0.2 + 0.8 * 0.5))
    assert learning_rate(schedule, 2.0, epoch=5, epochs=5) == pytest.approx(0.4)


def test_one_cycle_peaks_at_thirty_percent() -> None:
    schedule = ScheduleRecipe(name="one-cycle", low=0.0)
    rates = [learning_rate(schedule, 1.0, epoch=step / 10, epochs=10) for step in range(101)]
    assert max(range(101), key=rates.__getitem__) == 30
    assert rates[0] == pytest.approx(0.04)
    assert rates[100] == pytest.approx(0.0, abs=1e-9)


def test_a_warm_up_shorter_than_a_step_does_not_pass_the_peak() -> None:
    schedule = ScheduleRecipe(name="cosine", warmup_epochs=0.004)
    assert learning_rate(schedule, 1.0, epoch=0.0, epochs=3) == 1.0
