from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest

from covidcxr.core.errors import OutputError
from covidcxr.core.recipe import Recipe
from covidcxr.training.checkpoints import check_room

Disk = namedtuple("Disk", "total used free")


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def leave(num_bytes: int) -> None:
        monkeypatch.setattr("shutil.disk_usage", lambda path: Disk(10**12, 0, num_bytes))

    return leave


def test_a_training_whose_checkpoints_have_no_room_does_not_begin(
    run: Callable[..., Path],
    small_recipe: Callable[..., Recipe],
    tmp_path: Path,
    free: Callable[[int], None],
) -> None:
    free(100_000)
    with pytest.raises(OutputError, match=r"checkpoints: 0 MB are free.*need up to 1 MB.*--out"):
        run(small_recipe())
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_what_older_checkpoints_take_counts_as_room(tmp_path: Path, free: Callable[[int], None]) -> None:
    free(1500)
    with pytest.raises(OutputError):
        check_room(tmp_path, num_bytes=1000)
    (tmp_path / "step-00000001").mkdir()
    (tmp_path / "step-00000001" / "network.safetensors").write_bytes(bytes(600))
    check_room(tmp_path, num_bytes=1000)


def test_a_place_that_cannot_be_written_is_told_before_any_step(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(OutputError, match="run"):
        check_room(tmp_path / "run" / "checkpoints", num_bytes=1)
