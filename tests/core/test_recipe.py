from pathlib import Path

import pytest

from covidcxr.core.errors import RecipeError
from covidcxr.core.recipe import Recipe, require_network
from covidcxr.core.recipe_toml import load_recipe, recipe_names


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_loads_under_its_own_name(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.title


def test_zhong2020_has_the_published_schedule_and_weights() -> None:
    recipe = load_recipe("zhong2020")
    assert recipe.training.schedule.rates == (4e-4, 2e-4, 1e-4)
    assert recipe.training.schedule.starts == (0, 3, 6)
    assert recipe.training.loss.class_weights == {"COVID-19": 10.0, "Normal": 3.0, "Pneumonia": 1.0}
    assert recipe.training.validation == "test"


def test_set_wins_over_the_recipe() -> None:
    recipe = load_recipe("zhong2020", ["training.epochs=3", "network.options.pooling=average"])
    assert recipe.training.epochs == 3
    assert recipe.network.options["pooling"] == "average"


def test_an_unknown_key_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(RecipeError, match=r"zhong2020: unknown key 'training.epoch'; did you mean 'epochs'\?"):
        load_recipe("zhong2020", ["training.epoch=3"])


def test_a_wrong_type_is_refused_with_key_and_value() -> None:
    with pytest.raises(RecipeError, match=r"training\.epochs: .*integer.*'many'"):
        load_recipe("zhong2020", ["training.epochs=many"])


@pytest.mark.parametrize("override", ["epochs", "=3", "training.=3"])
def test_a_set_that_is_no_assignment_is_refused(override: str) -> None:
    with pytest.raises(RecipeError, match="key=value"):
        load_recipe("zhong2020", [override])


def test_an_unknown_recipe_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(RecipeError, match="did you mean 'zhong2020'"):
        load_recipe("zhong202")


def test_a_recipe_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"mine\.toml: no such recipe file"):
        load_recipe(tmp_path / "mine.toml")


def test_broken_toml_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("name = \n")
    with pytest.raises(RecipeError, match=r"mine\.toml: not valid TOML.*line 1"):
        load_recipe(path)


def test_a_recipe_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes("name = 'Müller'\n".encode("latin-1"))
    with pytest.raises(RecipeError, match=r"mine\.toml: not UTF-8"):
        load_recipe(path)


def test_a_resolved_recipe_survives_json() -> None:
    recipe = load_recipe("zhong2020")
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_a_recipe_that_only_compiles_needs_no_network(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\ntitle = "Mine"\n[dataset]\nclasses = ["Normal"]\ntake = { csv = ["Normal"] }\n')
    recipe = load_recipe(path)
    assert "network" not in recipe.model_dump(mode="json")
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    with pytest.raises(RecipeError, match=r"recipe mine: no table \[network\].*network\.preprocess\.size"):
        require_network(recipe)
    require_network(load_recipe(path, ["network.name=zhong2020", "network.preprocess.size=80"]))


def test_steps_without_a_rate_for_each_start_are_refused() -> None:
    with pytest.raises(RecipeError, match="as many starts as rates"):
        load_recipe("zhong2020", ["training.schedule.starts=[0, 3]"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("training.seed=-1", r"training\.seed: .*found -1"),
        ("training.schedule.rates=[-1.0, 1e-4, 1e-5]", r"training\.schedule\.rates\.0: .*found -1"),
        ("training.schedule.starts=[0, 6, 3]", "starts must rise"),
        ("training.schedule.warmup_epochs=-3", r"training\.schedule\.warmup_epochs: .*found -3"),
        ("training.loss.class_weights={Normal=-1.0}", r"class_weights\.Normal: .*found -1"),
        ("training.augment.contrast=[2, 1]", r"contrast: .*2 is above 1"),
        ("training.augment.contrast=[-5, -2]", r"contrast\.0: .*found -5"),
        ("training.augment.resize_to=-4", r"resize_to: .*found -4"),
        ("training.optimizer.learning_rate=inf", "finite number"),
    ],
)
def test_a_value_that_means_nothing_is_refused(change: str, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        load_recipe("zhong2020", [change])


def test_an_unknown_key_of_a_table_in_a_list_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(RecipeError, match=r"unknown key 'dataset\.balance\.0\.image'; did you mean 'images'\?"):
        load_recipe("zhong2020", ['dataset.balance=[{strategy="cap-per-class", image=3}]'])


def test_a_later_addition_that_is_not_used_leaves_no_trace_in_a_written_recipe() -> None:
    plain = load_recipe("zhong2020").model_dump(mode="json")["training"]
    assert not {"accumulate", "mixup", "cutmix"} & set(plain)
    assert not {"focal", "group_dro"} & set(plain["loss"])
    assert not {"layer_decay", "sam"} & set(plain["optimizer"])
    used = load_recipe("zhong2020", ["training.mixup=1.0", "training.accumulate=2"])
    assert Recipe.model_validate_json(used.model_dump_json()) == used


@pytest.mark.parametrize(
    ("written", "mode"), [("true", "group"), ("false", "off"), ("report", "report"), ("group", "group"), ("off", "off")]
)
def test_the_search_for_copies_is_a_mode_and_the_yes_and_no_of_old_recipes_are_read(written: str, mode: str) -> None:
    assert load_recipe("strong", [f"dataset.near_duplicates={written}"]).dataset.near_duplicates == mode


def test_only_recipes_judged_on_the_published_films_keep_edited_copies() -> None:
    modes = {name: load_recipe(name).dataset.near_duplicates for name in recipe_names()}
    assert modes.pop("zhong2020") == modes.pop("zhong2020-fixed") == "report"
    assert set(modes.values()) == {"group"}


@pytest.mark.parametrize("key", ["training.early_stopping", "training.mixup", "training.augment.blur"])
def test_true_is_not_taken_for_one(key: str) -> None:
    with pytest.raises(RecipeError, match=rf"{key}: .*expected a number, found True"):
        load_recipe("zhong2020", [f"{key}=true"])
