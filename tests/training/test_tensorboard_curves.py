from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer.record_writer import RecordWriter

from covidcxr.core.recipe import Recipe
from trainings import KilledAfter, curve

Build = Callable[..., Recipe]


def test_curves_of_a_training_that_went_on_show_every_epoch_and_step_once(
    run: Callable[..., Path], small_recipe: Build
) -> None:
    recipe = small_recipe()
    with pytest.raises(KeyboardInterrupt):
        run(recipe, progress=KilledAfter(9))  # past the checkpoint of the sixth
    out = run(recipe)
    events = EventAccumulator(str(out / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("step/loss")] == list(range(1, 19))
    logged = [event.value for event in events.Scalars("loss/validation")]
    assert logged == pytest.approx([validation["loss"] for _, validation in curve(out)])


def test_a_full_disk_ends_the_curves_and_not_the_training(
    run: Callable[..., Path], small_recipe: Build, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    num_events, write = 0, RecordWriter.write

    def full_after_three(self: RecordWriter, data: bytes) -> None:
        nonlocal num_events
        num_events += 1
        if num_events > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, data)

    monkeypatch.setattr(RecordWriter, "write", full_after_three)
    out = run(small_recipe(epochs=1))
    assert (out / "bundle").is_dir()
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == 1
    assert str(out / "tensorboard") in warnings[0]
    assert "No space left" in warnings[0]


def test_curves_that_have_no_place_do_not_stop_a_training(
    run: Callable[..., Path], small_recipe: Build, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "tensorboard").write_text("a file")
    assert (run(small_recipe(epochs=1)) / "bundle").is_dir()
    assert "the curves end here" in caplog.text
