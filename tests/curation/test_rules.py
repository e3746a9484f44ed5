from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from candidates_builder import RECIPE, candidate
from covidcxr.core.types import View
from covidcxr.curation.candidates import Candidate, contradict
from covidcxr.curation.licences import allowed_uses
from covidcxr.curation.rules import RULES
from covidcxr.curation.rules.annotated import LIST, drawn_upon
from covidcxr.curation.rules.annotated_by_eye import FURTHER

EVERY_USE = {"commercial", "derivatives", "redistribution"}
LABELS = Path(__file__).parents[2] / "benchmarks" / "labels" / "views.csv"


def judge(name: str, *candidates, recipe=RECIPE) -> dict[str, str]:  # type: ignore[no-untyped-def]
    return dict(RULES.get(name)(recipe).judge(sorted(candidates, key=lambda item: item.record_id)))


@pytest.mark.parametrize("name", RULES.names())
def test_every_rule_has_its_name_a_sentence_and_keeps_a_good_film(name: str) -> None:
    rule = RULES.get(name)
    assert rule.name == name
    assert rule.description.endswith(".")
    assert judge(name, candidate("a.png")) == {}
    assert judge(name) == {}


def test_an_unreadable_file_is_left_out_with_the_readers_words() -> None:
    found = judge("undecodable", candidate("a.png", error="images/a.png: a JPEG that ends early"), candidate("b.png"))
    assert found == {"cohen:a.png": "truncated: images/a.png: a JPEG that ends early"}


def test_a_finding_that_means_no_class_is_unlabelled() -> None:
    found = judge("unlabelled", candidate("a.png", label=None, finding="todo"), candidate("b.png"))
    assert found == {"cohen:a.png": "finding 'todo'"}


@pytest.mark.parametrize(("view", "modality"), [(View.CT, "UNKNOWN"), (View.UNKNOWN, "CT")])
def test_ct_is_told_by_view_or_modality(view: View, modality: str) -> None:
    assert judge("ct", candidate("a.png", view=view, modality=modality)).keys() == {"cohen:a.png"}


def test_a_lateral_view_is_left_out_and_a_blank_one_kept() -> None:
    found = judge("lateral", candidate("a.png", view=View.LATERAL), candidate("b.png", view=View.UNKNOWN))
    assert found == {"cohen:a.png": "view 'LATERAL'"}


def test_of_copies_the_first_is_kept() -> None:
    copies = [candidate("a.png", sha256="x"), candidate("b.png", sha256="x"), candidate("c.png", sha256="x")]
    assert judge("duplicate-file", *copies) == {
        "cohen:b.png": "same bytes as cohen:a.png",
        "cohen:c.png": "same bytes as cohen:a.png",
    }


def test_equal_pixels_in_other_bytes_are_a_copy() -> None:
    copies = [candidate("a.png", image_sha256="x"), candidate("b.png", image_sha256="x")]
    assert judge("duplicate-file", *copies) == {"cohen:b.png": "same pixels as cohen:a.png"}


def test_a_copy_with_another_label_is_no_duplicate_but_a_conflict() -> None:
    labels = (("cohen:a.png", "COVID-19"), ("cohen:b.png", "Normal"))
    copies = [
        candidate("a.png", sha256="x", copies=labels),
        candidate("b.png", sha256="x", label="Normal", copies=labels),
    ]
    assert judge("duplicate-file", *copies) == {}
    assert judge("conflicting-label", *copies) == dict.fromkeys(
        ["cohen:a.png", "cohen:b.png"], "cohen:a.png is COVID-19, cohen:b.png is Normal"
    )


def test_copies_with_one_label_are_no_conflict() -> None:
    copies = (("cohen:a.png", "COVID-19"), ("cohen:b.png", "COVID-19"))
    assert judge("conflicting-label", candidate("a.png", copies=copies), candidate("b.png", copies=copies)) == {}


def test_a_conflict_is_seen_though_the_other_copy_was_left_out_before() -> None:
    copies = (("cohen:a.png", "COVID-19"), ("cohen:gone.png", "Normal"))
    assert judge("conflicting-label", candidate("a.png", copies=copies)).keys() == {"cohen:a.png"}


def test_a_copy_that_the_recipe_does_not_take_is_left_to_that_rule() -> None:
    copies = (("cohen:a.png", "COVID-19"), ("cohen:b.png", "Normal"))
    assert judge("conflicting-label", candidate("b.png", label=None, copies=copies)) == {}


def test_not_covid_contradicts_covid_only() -> None:
    assert contradict(["Not COVID-19", "COVID-19"])
    assert contradict(["Normal", "Pneumonia"])
    assert not contradict(["Not COVID-19", "Normal"])
    assert not contradict(["COVID-19", "COVID-19"])
    assert not contradict([])


def test_copies_inside_one_part_of_a_published_split_stay_where_the_recipe_says_so() -> None:
    copies = [
        candidate("a.png", sha256="x", split="train"),
        candidate("b.png", sha256="x", split="train"),
        candidate("c.png", sha256="x", split="test"),
        candidate("d.png", sha256="x"),
    ]
    faithful = RECIPE.model_copy(update={"keep_published_copies": True})
    assert judge("duplicate-file", *copies, recipe=faithful).keys() == {"cohen:c.png", "cohen:d.png"}
    assert judge("duplicate-file", *copies).keys() == {"cohen:b.png", "cohen:c.png", "cohen:d.png"}


def test_an_annotated_film_is_left_out_by_its_key() -> None:
    key = "1-s2.0-S2387020620301959-gr4_lrg-b.png"
    found = judge("annotated", candidate(key, source="covid-chestxray-dataset"), candidate(key))
    assert found == {f"covid-chestxray-dataset:{key}": "arrows"}


def test_the_annotated_list_names_registered_sources() -> None:
    assert {key.partition(":")[0] for key in drawn_upon(LIST)} <= {"covid-chestxray-dataset", "figure1", "actualmed"}


def test_the_list_by_eye_has_every_film_labelled_as_drawn_upon_and_zhong2020_keeps_its_own() -> None:
    with LABELS.open(encoding="utf-8", newline="") as stream:
        labels = list(csv.DictReader(stream))
    drawn = [row["key"] for row in labels if row["view"] != "ct" and row["marks"] not in {"none", "margin"}]
    assert {key.partition(":")[2] for key in drawn_upon(LIST, FURTHER)} == {key.rpartition("/")[2] for key in drawn}
    assert len(drawn_upon(LIST)) == 37
    further = candidate("extubation-1.jpg", source="covid-chestxray-dataset")
    listed = candidate("extubation-4.jpg", source="covid-chestxray-dataset")
    assert judge("annotated", further, listed).keys() == {listed.record_id}
    assert judge("annotated-by-eye", further, listed) == {further.record_id: "day", listed.record_id: "arrows"}


@pytest.mark.parametrize(
    ("licence", "uses"),
    [
        ("CC BY 4.0", EVERY_USE),
        ("CC BY 4.0 International", EVERY_USE),
        ("CC-BY-4.0", EVERY_USE),
        ("Creative Commons Attribution 4.0 International (CC BY 4.0)", EVERY_USE),
        ("https://creativecommons.org/licenses/by/4.0/", EVERY_USE),
        ("http://www.creativecommons.org/licenses/by/3.0/deed.en", EVERY_USE),
        ("https://creativecommons.org/publicdomain/zero/1.0/", EVERY_USE),
        ("CC0 1.0 Universal", EVERY_USE),
        ("Apache 2.0", EVERY_USE),
        ("Apache License, Version 2.0", EVERY_USE),
        ("MIT License", EVERY_USE),
        ("CC BY-NC-SA 4.0", EVERY_USE - {"commercial"}),
        ("CC BY NC SA 4.0", EVERY_USE - {"commercial"}),
        ("Creative Commons Attribution-NonCommercial-ShareAlike 4.0", EVERY_USE - {"commercial"}),
        ("creativecommons.org/licenses/by-nc-sa/4.0", EVERY_USE - {"commercial"}),
        ("CC BY 4.0 Non-Commercial", EVERY_USE - {"commercial"}),
        ("CC BY-NC-ND", {"redistribution"}),
        ("https://creativecommons.org/licenses/by-nc-nd/4.0/legalcode", {"redistribution"}),
        ("CC-BY-ND 3.0", EVERY_USE - {"derivatives"}),
        ("", set()),
        ("CC BY 4.0 with the author's consent", set()),
        ("by courtesy", set()),
        ("https://example.org/licenses/by/4.0/", set()),
        ("no CC BY", set()),
        ("listed as authorized for everyone", set()),
    ],
)
def test_a_licence_allows_what_it_states_and_nothing_else(licence: str, uses: set[str]) -> None:
    assert allowed_uses(licence) == uses


def test_a_recipe_can_ask_for_licences_that_allow_a_use() -> None:
    asking = RECIPE.model_copy(update={"licences": ("commercial",)})
    candidates = [candidate("a", licence="CC BY-NC-SA"), candidate("b", licence="CC BY 3.0"), candidate("c")]
    assert judge("licence", *candidates, recipe=asking) == {
        "cohen:a": "licence 'CC BY-NC-SA' does not allow commercial use",
        "cohen:c": "licence 'not stated' does not allow commercial use",
    }
    assert judge("licence", *candidates) == {}


def test_children_are_left_out_and_unknown_ages_kept() -> None:
    ages = [candidate("a", age_years=17.0), candidate("b", age_years=18.0), candidate("c")]
    assert judge("paediatric", *ages) == {"cohen:a": "age 17.0"}


def test_a_source_that_states_an_age_span_of_all_its_patients_is_paediatric() -> None:
    child = candidate("a")
    child = replace(child, record=replace(child.record, age_verbatim="1-5 years, as the release says"))
    assert judge("paediatric", child) == {"cohen:a": "age 1-5 years, as the release says"}


def seen(key: str, **scores: float) -> Candidate:
    """Return a candidate whose picture was looked at."""
    good = candidate(key)
    return replace(good, facts=replace(good.facts, scores={name.replace("__", "/"): v for name, v in scores.items()}))


@pytest.mark.parametrize(
    ("rule", "scores"),
    [
        ("looks-lateral", {"view__frontal": 0.1, "view__lateral": 0.9}),
        ("looks-ct", {"view__frontal": 0.1, "view__other_modality": 0.9}),
        ("not-radiograph", {"view__frontal": 0.1, "view__other_picture": 0.9}),
        ("inverted", {"view__frontal": 0.1, "view__inverted": 0.9}),
        ("collage", {"view__frontal": 0.1, "view__collage": 0.9}),
        ("near-empty", {"gray_range": 0.01}),
        ("looks-annotated", {"marks": 0.99}),
        ("looks-annotated", {"marks": 0.7, "flat_mark": 0.8}),
        ("looks-annotated", {"marks": 0.1, "colour": 1.5}),
    ],
)
def test_a_score_leads_to_its_own_rule_and_no_other(rule: str, scores: dict[str, float]) -> None:
    for name in RULES.names():
        found = judge(name, seen("a", **scores), seen("b", view__frontal=0.99, gray_range=0.8, marks=0.01))
        assert found.keys() == ({"cohen:a"} if name == rule else set()), name
        assert all("wanted" in reason for reason in found.values())


def test_a_small_image_is_left_out_with_its_size() -> None:
    small = candidate("a")
    small = replace(small, facts=replace(small.facts, rows=40))
    assert judge("too-small", small)["cohen:a"].startswith("shorter side 40 pixels")
