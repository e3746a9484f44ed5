from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from candidates_builder import candidate, patients
from covidcxr.core.errors import RecipeError, SplitError
from covidcxr.core.recipe import SplitRecipe
from covidcxr.core.types import Sample, Split
from covidcxr.curation.candidates import Candidate
from covidcxr.curation.splits import SPLIT_STRATEGIES, SplitPlan, check_disjoint


def plan(candidates: Sequence[Candidate], seed: int = 1, **recipe: object) -> SplitPlan:
    settings = SplitRecipe.model_validate({"held_out": "cohen", **recipe})
    return SPLIT_STRATEGIES.get(settings.strategy)(candidates, settings, np.random.default_rng(seed))


def num_test(found: SplitPlan) -> int:
    return Counter(found.splits.values())["test"]


@pytest.mark.parametrize("strategy", SPLIT_STRATEGIES.names())
@given(sizes=st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["COVID-19", "Normal"])), min_size=6, max_size=30))
def test_no_strategy_divides_a_group_and_none_forgets_a_candidate(strategy: str, sizes: list[tuple[int, str]]) -> None:
    found_in = ["cohen", "nih"]
    everyone = [
        candidate(f"{group}-{film}.png", label=label, source=found_in[group % 2], group=f"g{group}")
        for group, (number, label) in enumerate(sizes)
        for film in range(number)
    ]
    found = plan(everyone, strategy=strategy)
    assert found.splits.keys() | found.left_out.keys() == {item.record_id for item in everyone}
    places: dict[str, set[Split]] = {}
    for item in everyone:
        places.setdefault(item.group_id, set()).add(found.splits[item.record_id])
    assert all(len(splits) == 1 for splits in places.values())


@pytest.mark.parametrize("strategy", SPLIT_STRATEGIES.names())
def test_the_same_seed_gives_the_same_split(strategy: str) -> None:
    everyone = [*patients(30, 2), *patients(30, 1, label="Normal")]
    assert plan(everyone, strategy=strategy) == plan(list(reversed(everyone)), strategy=strategy)


def test_official_draws_exactly_the_stated_number_of_test_images() -> None:
    everyone = [*patients(40, 3), *patients(40, 1, label="Normal")]
    found = plan([*everyone, *(candidate(f"single-{n}.png") for n in range(30))], test_images={"COVID-19": 50})
    tested = Counter(item.label for item in everyone if found.splits[item.record_id] == "test")
    assert num_test(found) - tested["Normal"] == 50
    assert tested["Normal"] == 8  # test_fraction 0.2 of 40
    assert found.notes == ()


def test_official_keeps_what_the_source_publishes_and_puts_its_val_into_test() -> None:
    everyone = [candidate("a", split="train"), candidate("b", split="test"), candidate("c", split="val")]
    assert plan(everyone).splits == {"cohen:a": "train", "cohen:b": "test", "cohen:c": "test"}


def test_official_leaves_out_a_training_image_whose_copy_is_in_the_published_test() -> None:
    everyone = [
        candidate("a", split="train", group="g"),
        candidate("b", split="test", group="g"),
        candidate("c", group="g"),
    ]
    found = plan(everyone)
    assert found.splits == {"cohen:b": "test"}
    assert found.left_out.keys() == {"cohen:a", "cohen:c"}
    assert "cohen:b" in found.left_out["cohen:a"]


def test_official_puts_a_free_image_beside_the_published_training_images_of_its_group() -> None:
    found = plan([candidate("a", split="train", group="g"), candidate("c", group="g")])
    assert found.splits == {"cohen:a": "train", "cohen:c": "train"}


def test_official_takes_a_share_where_there_are_too_few_images_and_says_so() -> None:
    found = plan(patients(20, 1), test_images={"COVID-19": 100})
    assert num_test(found) == 4
    assert found.notes == ("COVID-19: 4 test images and not 100, because there are only 20 in all.",)


def test_random_by_patient_draws_from_every_source_of_a_class() -> None:
    everyone = [*patients(50, 1), *patients(50, 1, source="nih")]
    found = plan(everyone, strategy="random-by-patient", test_fraction=0.2)
    tested = Counter(record_id.partition(":")[0] for record_id, split in found.splits.items() if split == "test")
    assert tested == {"cohen": 10, "nih": 10}


def test_leave_one_source_out_tests_on_that_source_alone() -> None:
    everyone = [*patients(5, 2), *patients(5, 2, label="Normal"), *patients(4, 1, source="nih")]
    found = plan(everyone, strategy="leave-one-source-out", held_out="nih")
    assert {record_id.partition(":")[0] for record_id, split in found.splits.items() if split == "test"} == {"nih"}
    assert found.notes == ("Normal: only cohen has it, so what a network scores elsewhere is not estimable.",)


def test_leave_one_source_out_names_the_sources_there_are() -> None:
    with pytest.raises(RecipeError, match="'figure1' is no source of this dataset; expected one of cohen"):
        plan(patients(3, 1), strategy="leave-one-source-out", held_out="figure1")


def test_the_folds_are_disjoint_and_cover_everything() -> None:
    everyone = [*patients(23, 2), *patients(17, 1, label="Normal")]
    tested: list[str] = []
    for fold in range(5):
        found = plan(everyone, strategy="k-fold-by-patient", fold=fold)
        tested += [record_id for record_id, split in found.splits.items() if split == "test"]
    assert sorted(tested) == sorted(item.record_id for item in everyone)


def test_a_fold_that_does_not_exist_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"fold = 5; expected 0 to 4"):
        plan(patients(9, 1), strategy="k-fold-by-patient", fold=5)


def _sample(key: str, split: Split, patient: str, group: str) -> Sample:
    record = candidate(key, patient=patient).record
    common = {"sha256": "", "phash": "", "rows": 1, "columns": 1, "bits_stored": 8}
    return Sample(record=record, label="COVID-19", split=split, image=key, group_id=group, **common)


def test_a_patient_in_two_splits_is_refused() -> None:
    samples = [_sample("a", "train", "17", "g1"), _sample("b", "test", "17", "g2")]
    with pytest.raises(SplitError, match="patient 'cohen:17' is in train and test"):
        check_disjoint(samples)


def test_a_group_in_two_splits_is_refused() -> None:
    samples = [_sample("a", "val", "17", "g1"), _sample("b", "test", "18", "g1")]
    with pytest.raises(SplitError, match="group 'g1' is in val and test"):
        check_disjoint(samples)
