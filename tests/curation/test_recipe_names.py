from __future__ import annotations

import pytest

from covidcxr.core.errors import CovidCxrError
from covidcxr.core.recipe_toml import load_recipe, recipe_names
from covidcxr.curation.recipe_names import check_names
from miniature import recipe

BOTH = {"csv": ["COVID-19", "Normal"]}


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_is_understood_and_stays_as_it_is(name: str) -> None:
    assert check_names(load_recipe(name)) == load_recipe(name)


def test_labels_take_the_words_of_sources_and_classes_keep_those_of_the_recipe() -> None:
    asked = recipe(
        classes=["covid", "Well"],
        take={"csv": ["Covid", "COVID19", "no finding"]},
        merge={"well": ["NORMAL"]},
        split={"test_images": {"COVID-19": 3, "Pneumonia": 2}},
    )
    found = check_names(asked).dataset
    assert found.classes == ("covid", "Well")
    assert found.take == {"csv": ("COVID-19", "Normal")}
    assert found.merge == {"Well": ("Normal",), "covid": ("COVID-19",)}
    assert found.split.test_images == {"covid": 3, "Pneumonia": 2}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"take": {"csv": ["Covd-19"]}}, r"dataset.take.csv: unknown label 'Covd-19'; did you mean 'COVID-19'\?"),
        ({"merge": {"Nrmal": ["Normal"]}}, r"dataset.merge: unknown class 'Nrmal'; did you mean 'Normal'\?"),
        ({"merge": {"Normal": ["Nrmal"]}}, r"dataset.merge.Normal: unknown label 'Nrmal'; did you mean 'Normal'\?"),
        ({"merge": {"COVID-19": ["Normal"], "Normal": ["Normal"]}}, "label 'Normal' makes up both 'COVID-19' and"),
        ({"classes": ["COVID-19", "Tuberculosis"]}, "dataset.classes: unknown class 'Tuberculosis'.*dataset.merge"),
        ({"classes": ["COVID-19", "Pneumonia"]}, r"no source in dataset.take gives class 'Pneumonia'"),
        ({"split": {"test_images": {"Nromal": 3}}}, r"dataset.split.test_images: unknown class 'Nromal'; did you mean"),
        ({"split": {"test_images": {"covid": 3, "COVID-19": 4}}}, "names class 'COVID-19' twice, once as 'COVID-19'"),
        ({"split": {"strategy": "k-fold"}}, "unknown split strategy 'k-fold'.*k-fold-by-patient"),
        ({"rules": ["laterall"]}, "unknown rule 'laterall'; did you mean 'lateral'"),
        ({"balance": [{"strategy": "equal"}]}, "unknown balance 'equal'"),
        ({"balance": [{"strategy": "cap-per-class"}]}, "cap-per-class without images"),
    ],
)
def test_a_name_that_means_nothing_is_an_error_before_any_image_is_read(changed: dict[str, object], words: str) -> None:
    asked = recipe(**{"classes": ["COVID-19", "Normal"], "take": BOTH, "split": {}, **changed})
    with pytest.raises(CovidCxrError, match=words):
        check_names(asked)
