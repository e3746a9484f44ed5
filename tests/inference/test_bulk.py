from __future__ import annotations

import csv
import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import bundles
from covidcxr.core.errors import OutputError
from covidcxr.imaging.gate.gate import GateResult
from covidcxr.inference.bulk import parts_folder, predict_to_table
from covidcxr.inference.inputs import expand
from covidcxr.inference.intake import Intake, Naming
from covidcxr.inference.predictor import Predictor
from covidcxr.models.bundle import Bundle
from covidcxr.outputs.predictions import read_parquet_rows

NUM_FILMS = 60


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundles.tiny_bundle(tmp_path_factory.mktemp("run") / "bundle")


@pytest.fixture(scope="module")
def predictor(bundle: Bundle) -> Predictor:
    return Predictor.load(bundle.folder, batch_size=4)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for number in range(NUM_FILMS):
        data = bundles.png(number)
        (folder / f"{number:03d}.png").write_bytes(data if number % 9 else data[:100])
    return folder


def run(predictor: Predictor, films: Path, out: Path) -> Iterator[dict[str, object]]:
    return predict_to_table(predictor, expand([films]), out, part_rows=10)


def test_a_table_holds_one_row_an_input_in_order_and_no_parts_remain(
    predictor: Predictor, films: Path, tmp_path: Path
) -> None:
    yielded = list(run(predictor, films, tmp_path / "found.parquet"))
    rows = read_parquet_rows(tmp_path / "found.parquet")
    assert [row["input"] for row in rows] == [str(films / f"{number:03d}.png") for number in range(NUM_FILMS)]
    assert [row["status"] for row in rows].count("error") == len(range(0, NUM_FILMS, 9))
    assert [row["input"] for row in yielded] == [row["input"] for row in rows]
    assert [path.name for path in tmp_path.iterdir()] == ["found.parquet"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("cut", [0, 1, 10, 37, 59])
def test_a_run_that_was_cut_off_ends_in_the_same_file(
    predictor: Predictor, films: Path, tmp_path: Path, suffix: str, cut: int
) -> None:
    whole, resumed = tmp_path / f"whole{suffix}", tmp_path / f"resumed{suffix}"
    list(run(predictor, films, whole))
    first = run(predictor, films, resumed)
    for _ in range(cut):
        next(first)
    first.close()  # type: ignore[attr-defined]
    assert not resumed.exists()
    assert len(list(run(predictor, films, resumed))) == NUM_FILMS
    assert resumed.read_bytes() == whole.read_bytes()


def test_whole_parts_are_not_computed_again(predictor: Predictor, films: Path, tmp_path: Path) -> None:
    first = run(predictor, films, tmp_path / "found.csv")
    for _ in range(35):  # the fourth part is written before its rows are handed out
        next(first)
    first.close()  # type: ignore[attr-defined]
    judged = []
    run_logits = predictor.backend.logits
    predictor.backend.logits = lambda images: judged.append(len(images)) or run_logits(images)  # type: ignore
    try:
        list(run(predictor, films, tmp_path / "found.csv"))
    finally:
        predictor.backend.logits = run_logits  # type: ignore[method-assign]
    assert sum(judged) == sum(1 for number in range(40, NUM_FILMS) if number % 9)


def test_parts_of_another_bundle_or_of_other_inputs_are_not_taken_over(
    predictor: Predictor, films: Path, tmp_path: Path
) -> None:
    out = tmp_path / "found.csv"
    first = run(predictor, films, out)
    for _ in range(25):
        next(first)
    first.close()  # type: ignore[attr-defined]
    other = Predictor.load(bundles.tiny_bundle(tmp_path / "bundle", seed=1).folder, batch_size=4)
    rows = list(predict_to_table(other, list(expand([films]))[5:], out, part_rows=10))
    with out.open(newline="") as stream:
        written = list(csv.DictReader(stream))
    assert {row["bundle"] for row in written} == {other.bundle.bundle_id}
    assert [row["input"] for row in written] == [str(films / f"{number:03d}.png") for number in range(5, NUM_FILMS)]
    assert len(rows) == NUM_FILMS - 5


@pytest.mark.parametrize("change", ["gate", "release", "explained"])
def test_parts_of_another_gate_or_release_or_without_what_is_asked_are_not_taken_over(
    change: str, predictor: Predictor, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, release = {"sha256": "old"}, ["1"]
    monkeypatch.setattr("covidcxr.imaging.gate.kinds.gate_network_card", lambda: card)
    monkeypatch.setattr(
        "covidcxr.imaging.gate.gate.gate_film", lambda film: GateResult(origin=film.origin, verdict="ok")
    )
    monkeypatch.setattr("covidcxr.inference.bulk.release", lambda: release[0])
    gated = Predictor(predictor.bundle, predictor.backend, batch_size=4, gated=True)
    out = tmp_path / "found.csv"
    first = run(gated, films, out)
    for _ in range(25):
        next(first)
    first.close()  # type: ignore[attr-defined]
    assert len(list(parts_folder(out).glob("*.parquet"))) == 3
    if change == "gate":
        card["sha256"] = "new"
    elif change == "release":
        release[0] = "2"
    else:
        gated.lung_fraction = lambda images, targets, lungs: [None] * len(images)
    second = run(gated, films, out)
    next(second)
    assert len(list(parts_folder(out).glob("*.parquet"))) == 1
    second.close()  # type: ignore[attr-defined]


def test_a_table_of_pseudonyms_has_a_private_one_beside_it_that_survives_a_kill(
    predictor: Predictor, films: Path, tmp_path: Path
) -> None:
    out = tmp_path / "found.parquet"

    def start() -> Iterator[dict[str, object]]:
        items = Intake(naming=Naming(key=b"k" * 32)).take(expand([films]))
        return predict_to_table(predictor, items, out, part_rows=10)

    first = start()
    for _ in range(25):
        next(first)
    first.close()  # type: ignore[attr-defined]
    list(start())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.names.csv", "found.parquet"]
    names = tmp_path / "found.names.csv"
    assert names.stat().st_mode & 0o777 == 0o600
    with names.open(newline="") as stream:
        listed = list(csv.DictReader(stream))
    rows = read_parquet_rows(out)
    assert [row["input"] for row in listed] == [row["input"] for row in rows]
    assert [Path(row["path"]).name for row in listed] == [f"{number:03d}.png" for number in range(NUM_FILMS)]
    assert "png" not in repr(rows)


def test_two_runs_do_not_write_one_table(predictor: Predictor, films: Path, tmp_path: Path) -> None:
    folder = parts_folder(tmp_path / "found.csv")
    folder.mkdir()
    with (folder / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(OutputError, match="another run is writing"):
            next(run(predictor, films, tmp_path / "found.csv"))


def test_a_place_that_cannot_be_written_is_told(predictor: Predictor, films: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        next(run(predictor, films, tmp_path / "file" / "found.csv"))


KILLED_RUN = """
import sys, time
from pathlib import Path
from covidcxr.inference.bulk import predict_to_table
from covidcxr.inference.inputs import expand
from covidcxr.inference.predictor import Predictor
bundle, images, out, pause = sys.argv[1:]
predictor = Predictor.load(Path(bundle), batch_size=4)
print("ready", flush=True)
for row in predict_to_table(predictor, expand([Path(images)]), Path(out), part_rows=4):
    time.sleep(float(pause))
"""


@pytest.mark.slow
def test_kill_nine_at_random_moments_loses_no_row_and_doubles_none(bundle: Bundle, films: Path, tmp_path: Path) -> None:
    chance = random.Random(9)
    out = tmp_path / "killed.parquet"
    num_kills = 0
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED_RUN, str(bundle.folder), str(films), str(out), "0.01"],
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        with process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.uniform(0.0, 0.35))
            num_kills += process.poll() is None
            os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
    predictor = Predictor.load(bundle.folder, batch_size=4)
    list(predict_to_table(predictor, expand([films]), out, part_rows=4))
    list(predict_to_table(predictor, expand([films]), tmp_path / "whole.parquet", part_rows=4))
    assert num_kills >= 3
    assert out.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert [row["input"] for row in read_parquet_rows(out)] == sorted(str(path) for path in films.iterdir())
