"""Places that cannot be written, and Ctrl-C in the middle of each step: real mounts, real signals."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from covidcxr.cli.main import run_command
from covidcxr.sources.phantoms import write_phantom_sources

SMALL = ["--workers", "1", "--set", "training.epochs=1", "--set", "training.steps=6", "--set", "training.batch_size=4"]
SMALL += ["--no-audit", "--set", "evaluation.bootstrap_rounds=50"]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bad") / "sources"
    return write_phantom_sources(root, seed=1, num_covid=16, num_normal=12, num_pneumonia=12)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    place = tmp_path / "mounted"
    place.mkdir()

    def mount(options: str) -> Path:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("mounting needs root")
        return place

    yield mount
    subprocess.run(["umount", str(place)], capture_output=True, check=False)


def verb(name: str, sources: Path, out: Path) -> list[str]:
    arguments = [name, "zhong2020", "--sources", str(sources), "--out", str(out), "--quiet", "--workers", "1"]
    return arguments + (SMALL[2:] if name == "run" else [])


@pytest.mark.parametrize("name", ["compile", "run"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    name: str, sources: Path, mounted: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place = mounted("size=300k")
    assert run_command(verb(name, sources, place / "out")) == 2
    assert "the disk is full; free some space" in capsys.readouterr().err
    assert not list(place.rglob("dataset.json"))


@pytest.mark.parametrize("name", ["compile", "run"])
def test_a_read_only_place_is_one_sentence(
    name: str, sources: Path, mounted: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place = mounted("size=1m,ro")
    assert run_command(verb(name, sources, place / "out")) == 2
    assert "the place is read-only; choose another with --out" in capsys.readouterr().err


def test_a_checkpoint_that_does_not_fit_is_one_sentence(
    sources: Path, mounted: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """The dataset fits, the 250 MB of weights do not."""
    place = mounted("size=40m")
    assert run_command(verb("run", sources, place / "out")) == 2
    assert "MB are free, the checkpoints of this training need up to" in capsys.readouterr().err
    assert (place / "out" / "dataset" / "dataset.json").is_file()
    assert not (place / "out" / "bundle").exists()


STEPS: dict[str, Callable[[Path], bool]] = {
    "compile": lambda out: any(out.glob(".dataset.partial-*")),
    "train": lambda out: (out / "tensorboard").exists(),
    "evaluate": lambda out: (out / "bundle").exists(),
}
FINISHED = {"compile": [], "train": ["dataset"], "evaluate": ["dataset", "bundle"]}


@pytest.mark.slow
@pytest.mark.parametrize("step", list(STEPS))
def test_ctrl_c_exits_with_130_and_the_next_run_goes_on(step: str, sources: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "covidcxr.cli.main", *verb("run", sources, out)]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a child inherits "ignored", as of `make test &`
    try:
        running = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
    finally:
        signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 120
    while not STEPS[step](out):
        assert running.poll() is None, f"ended before {step}: {running.communicate()}"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "interrupted" in err
    assert "Traceback" not in err
    assert [name for name in ("dataset", "bundle", "report") if (out / name).exists()] == FINISHED[step]
    assert run_command(verb("run", sources, out)) == 0
    assert (out / "report" / "report.html").is_file()


WRITERS = {
    "evaluate": ["no-bundle", "no-dataset"],
    "audit": ["no-bundle", "no-dataset"],
    "compare": ["no-bundle", "no-bundle", "--data", "no-dataset"],
    "crossval": ["strong", "--data", "no-dataset"],
    "train-gate": ["--sources", "."],
    "train-lungs": ["--masks", "no-masks", "--sources", "."],
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_of_films_is_never_replaced(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    films = tmp_path / "report"
    films.mkdir()
    (films / "film.png").write_bytes(b"years of work")
    out = tmp_path if name == "crossval" else films
    assert run_command([name, *WRITERS[name], "--out", str(out)]) == 2
    assert "report: holds files, but no " in capsys.readouterr().err
    assert (films / "film.png").is_file()
