from __future__ import annotations

import json
from pathlib import Path

import pytest

from covidcxr.cli.main import run_command
from covidcxr.core.errors import RecipeError, RegistryError
from covidcxr.core.recipe_toml import load_recipe
from covidcxr.models import MODELS
from covidcxr.pipeline.backbones import backbones, with_network
from study_builders import write_dataset

RECIPE = """
name = "mini"
title = "A miniature"
backbones = ["vgg19", "mobilenet-v2"]
[dataset]
classes = ["COVID-19", "Normal", "Pneumonia"]
[dataset.take]
home = ["COVID-19"]
[network]
name = "vgg19"
options = { normalise = true }
preprocess = { size = 64 }
[training]
epochs = 1
steps = 2
batch_size = 8
validation_fraction = 0.4
[evaluation]
published = "covidx-net"
"""


def test_every_network_is_trained_on_the_same_images_and_stands_beside_its_published_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COVIDCXR_CACHE", str(tmp_path / "cache"))
    write_dataset(tmp_path / "data", num_each=5)
    (tmp_path / "mini.toml").write_text(RECIPE)
    arguments = ["backbones", str(tmp_path / "mini.toml"), "--out", str(tmp_path / "run"), "--rounds", "20"]
    arguments += ["--data", str(tmp_path / "data"), "--device", "cpu"]
    assert run_command([*arguments, "--json"]) == 0
    models = json.loads(capsys.readouterr().out)["models"]
    assert [model["network"] for model in models] == ["vgg19", "mobilenet-v2"]
    assert [model["published_accuracy"] for model in models] == [0.9, None]
    assert all(model["cohorts"][0]["num_images"] == 15 and model["cohorts"][0]["internal"] for model in models)
    html = (tmp_path / "run" / "report" / "report.html").read_text(encoding="utf-8")
    assert "Accuracy, published" in html
    assert run_command([*arguments, "--quiet"]) == 0  # what is trained is not trained again
    assert capsys.readouterr().out == ""


def test_options_stay_with_the_network_they_are_meant_for() -> None:
    recipe = load_recipe("covidx-net")
    assert with_network(recipe, "vgg19").network == recipe.network
    assert with_network(recipe, "resnet50").network.options == {}
    assert set(recipe.backbones) <= set(MODELS.names())


@pytest.mark.parametrize(
    ("networks", "error", "sentence"),
    [
        ((), RecipeError, "networks to compare: none"),
        (("vgg19", "vgg19"), RecipeError, "two different ones"),
        (("vgg19", "vgg20"), RegistryError, "did you mean 'vgg19'"),
    ],
)
def test_a_list_of_networks_that_is_no_comparison_is_refused(
    tmp_path: Path, networks: tuple[str, ...], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        backbones(load_recipe("zhong2020"), tmp_path, networks=networks, data=tmp_path)
