import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from covidcxr.core.artefacts import (
    atomic_directory,
    atomic_file,
    clear_leftovers,
    free_name,
    output_error,
    write_text,
)
from covidcxr.core.errors import OutputError


def ended_process() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


def test_a_folder_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a" / "dataset"
    with atomic_directory(target) as partial:
        (partial / "x").write_text("1")
        assert not target.exists()
    assert (target / "x").read_text() == "1"
    assert [path.name for path in target.parent.iterdir()] == ["dataset"]


def test_the_old_folder_is_put_back_when_the_new_one_cannot_take_its_place(tmp_path: Path) -> None:
    target = tmp_path / "dataset"
    with atomic_directory(target) as partial:
        (partial / "x").write_text("old")
    with pytest.raises(OutputError), atomic_directory(target) as partial:
        partial.rmdir()  # so that the last step, the rename to the target, fails once the old folder has moved away
    assert (target / "x").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_the_old_folder(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "dataset"
    with atomic_directory(target) as partial:
        (partial / "x").write_text("old")
    with pytest.raises(error), atomic_directory(target) as partial:
        (partial / "x").write_text("new")
        raise error
    assert (target / "x").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]


def test_what_a_killed_process_left_is_cleared_and_a_living_ones_is_kept(tmp_path: Path) -> None:
    dead = ended_process()
    names = (
        f".dataset.partial-{dead}",
        f".dataset.partial-{os.getppid()}",
        f".other.partial-{dead}",
        ".dataset.partial-x",
    )
    for name in names:
        (tmp_path / name).mkdir()
    with atomic_directory(tmp_path / "dataset") as partial:
        (partial / "x").write_text("1")
    assert {path.name for path in tmp_path.iterdir()} == {"dataset", *names[1:]}


def test_a_folder_put_aside_by_a_process_killed_between_two_renames_comes_back(tmp_path: Path) -> None:
    aside = tmp_path / f".dataset.retired-{ended_process()}"
    aside.mkdir()
    (aside / "x").write_text("old")
    clear_leftovers(tmp_path / "dataset")
    assert (tmp_path / "dataset/x").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]


def test_a_file_in_the_place_of_a_folder_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "dataset"
    target.write_text("mine")
    with pytest.raises(OutputError, match="is a file"), atomic_directory(target):
        pass
    assert target.read_text() == "mine"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_file(target) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_file_as_parent_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_text(tmp_path / "a" / "b", "x")


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "permission denied")],
)
def test_what_the_system_says_becomes_a_next_step(number: int, words: str) -> None:
    assert words in str(output_error(OSError(number, "?"), Path("/out")))


def test_a_name_as_long_as_names_may_be_is_written_and_cut_names_stay_apart(tmp_path: Path) -> None:
    target = tmp_path / f"{'é' * 125}.json"  # 255 bytes
    write_text(target, "{}")
    assert target.read_text() == "{}"
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    taken: set[str] = set()
    names = [free_name("n" * 250 + end, ".overlay.png", taken) for end in ("a", "b", "a")]
    assert len(set(names)) == 3
    assert all(len(name.encode()) <= 255 and name.endswith(".overlay.png") for name in names[:2])
    assert free_name("short", ".png", taken) == "short.png"
