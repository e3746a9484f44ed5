from __future__ import annotations

from covidcxr.models.bundle_info import BundleInfo, NetworkInfo, PreprocessInfo
from covidcxr.models.card import model_card
from covidcxr.report.sections.classes import _meanings


def info(**fields: object) -> BundleInfo:
    basics = {
        "name": "a",
        "network": NetworkInfo(name="zhong2020", num_parameters=1),
        "classes": ("COVID-19", "Normal"),
    }
    return BundleInfo.model_validate({**basics, "preprocess": PreprocessInfo(size=64), **fields})


def test_report_and_card_say_what_a_probability_is_about() -> None:
    told = info(meanings={"COVID-19": "both", "Normal": "appearance"})
    lead = _meanings(told)
    assert "COVID-19 is about what the patient has in some sources, what the image shows in others." in lead
    assert "Normal is about what the image shows" in lead
    assert "- A probability of Normal is about what the image shows" in model_card(told)


def test_a_bundle_of_before_says_nothing() -> None:
    assert _meanings(info()) == ""
