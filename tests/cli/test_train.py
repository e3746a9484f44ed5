from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from covidcxr.cli.main import run_command

RECIPE = """
name = "tiny"
title = "Tiny"
[dataset]
classes = ["COVID-19", "Normal"]
take = {}
[network]
name = "haghanifar2020"
preprocess = { size = 96 }
[training]
epochs = 1
batch_size = 4
validation = "test"
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COVIDCXR_CACHE", str(tmp_path / "cache"))
    (tmp_path / "tiny.toml").write_text(RECIPE)
    generator = np.random.default_rng(0)
    for split in ("train", "test"):
        for label in ("covid19", "NORMAL"):
            folder = tmp_path / "films" / split / label
            folder.mkdir(parents=True)
            for number in range(4):
                pixels = generator.integers(0, 256, (64, 64), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path


def train(place: Path, *options: str) -> int:
    arguments = ["train", str(place / "tiny.toml"), "--data", str(place / "films"), "--out", str(place / "run")]
    return run_command([*arguments, "--device", "cpu", *options])


def test_train_writes_a_bundle_and_describes_it_as_one_json_document(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(place, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["bundle"] == str(place / "run" / "bundle")
    assert document["epochs"] == 1
    assert document["validation_split"] == "test"
    assert document["notice"] == "Research use only, not a diagnosis."
    info = json.loads((place / "run" / "bundle" / "bundle.json").read_text())
    assert info["classes"] == ["COVID-19", "Normal"]


def test_set_changes_the_recipe_that_is_trained_and_recorded(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(place, "--quiet", "--set", "training.epochs=2", "--set", "training.seed=7") == 0
    assert capsys.readouterr().out == ""
    info = json.loads((place / "run" / "bundle" / "bundle.json").read_text())
    assert (info["recipe"]["training"]["seed"], info["history"]["epochs"]) == (7, 2)


def test_a_recipe_without_a_network_says_what_is_missing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head, _, _ = RECIPE.partition("[network]")
    (place / "tiny.toml").write_text(head)
    assert train(place, "--quiet") == 2
    assert "no table [network], so it can be compiled but not trained" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("training.epoch=2", "did you mean 'epochs'"),
        ("network.name=zhong2021", "did you mean 'zhong2020'"),
        ("network.options.depth=3", "does not take the option 'depth' (known: none)"),
        ("training.loss.class_weights={Flu=2.0}", "'Flu' is none of"),
    ],
)
def test_a_mistaken_recipe_exits_with_two_and_says_what_is_wrong(
    place: Path, capsys: pytest.CaptureFixture[str], change: str, sentence: str
) -> None:
    assert train(place, "--quiet", "--set", change) == 2
    assert sentence in capsys.readouterr().err


def test_models_list_names_the_published_network_with_its_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["models", "list", "--json"]) == 0
    models = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert models["zhong2020"] == {
        "name": "zhong2020",
        "parameters": 63_148_835,
        "input_size": 80,
        "weights": "",
        "options": ["pooling", "dropout"],
    }
