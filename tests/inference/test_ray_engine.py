from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import bundles
from covidcxr.cli.main import run_command
from covidcxr.core.errors import MissingExtraError
from covidcxr.core.ray_tasks import map_on_ray
from covidcxr.inference.bulk import predict_to_table
from covidcxr.inference.inputs import expand
from covidcxr.inference.predictor import Predictor
from covidcxr.inference.ray_engine import PredictorSetup, ray_parts
from covidcxr.models.bundle import Bundle
from covidcxr.outputs.predictions import to_row

NUM_FILMS = 30
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
    ),  # Ray's
]


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    ray = pytest.importorskip("ray", reason="the ray extra is not installed")
    ray.init(num_cpus=1, log_to_driver=False, include_dashboard=False, configure_logging=False)
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundles.tiny_bundle(tmp_path_factory.mktemp("run") / "bundle", synthetic=True)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for number in range(NUM_FILMS):
        data = bundles.png(number)
        (folder / f"{number:03d}.png").write_bytes(data if number % 9 else data[:100])
    return folder


def test_ray_gives_the_rows_of_this_machine(ray: Any, bundle: Bundle, films: Path) -> None:
    predictor = Predictor.load(bundle.folder, batch_size=4)
    here = [to_row(prediction) for prediction in predictor.predict_items(expand([films]), group=8)]
    setup = PredictorSetup(bundle=bundle.folder, batch_size=4)
    parts = list(ray_parts(setup, iter(expand([films])), 8))
    assert [len(part) for part in parts] == [8, 8, 8, 6]
    assert [row for part in parts for row in part] == here


def test_a_table_begun_here_is_finished_on_ray(ray: Any, bundle: Bundle, films: Path, tmp_path: Path) -> None:
    predictor = Predictor.load(bundle.folder, batch_size=4)
    whole, resumed = tmp_path / "whole.parquet", tmp_path / "resumed.parquet"
    list(predict_to_table(predictor, expand([films]), whole, part_rows=8))
    first = predict_to_table(predictor, expand([films]), resumed, part_rows=8)
    list(islice(first, 12))
    first.close()  # type: ignore[attr-defined]
    setup = PredictorSetup(bundle=bundle.folder, batch_size=4)
    rest = predict_to_table(
        predictor, expand([films]), resumed, part_rows=8, engine=lambda items, size: ray_parts(setup, items, size)
    )
    assert len(list(rest)) == NUM_FILMS
    assert resumed.read_bytes() == whole.read_bytes()


def test_inputs_are_taken_only_a_little_ahead(ray: Any) -> None:
    taken: list[int] = []
    results = map_on_ray(json.loads, (taken.append(number) or str(number) for number in range(100)))
    assert next(results) == 0
    assert len(taken) <= 4


def test_an_error_of_the_work_is_raised_as_itself(ray: Any) -> None:
    with pytest.raises(json.JSONDecodeError, match="Expecting value"):
        list(map_on_ray(json.loads, ["1", "2", "no number"]))


@pytest.mark.usefixtures("ray")
@pytest.mark.parametrize("verb", ["predict", "explain"])
def test_the_command_line_gives_the_same_rows(
    verb: str, bundle: Bundle, films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for engine in ("local", "ray"):
        out = ["--out", str(tmp_path / engine)] if verb == "explain" else []
        code = run_command([verb, str(bundle.folder), str(films), "--json", "--quiet", "--engine", engine, *out])
        assert code == (2 if verb == "explain" else 0)  # explain says so by its code where an image could not be read
        found.append([json.loads(line) for line in capsys.readouterr().out.splitlines()])
    assert len(found[0]) == NUM_FILMS
    assert found[0] == found[1]
    pictures = [sorted((tmp_path / engine / "overlays").glob("*.png")) for engine in ("local", "ray")]
    assert [path.read_bytes() for path in pictures[0]] == [path.read_bytes() for path in pictures[1]]


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"covidcxr\[ray\]"):
        next(map_on_ray(abs, [1]))
