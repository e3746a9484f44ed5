"""Each audit sees the shortcut it is made for, and lets a network that reads the lungs pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from audit_films import brightness_score, corner_score, lung_score, make_context
from covidcxr.audit.context import AuditContext
from covidcxr.audit.findings import audit_findings
from covidcxr.audit.plants import PLANTS, STORED, plant
from covidcxr.audit.result import AuditResult
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.audit.texture import texture_features
from covidcxr.audit.wording import share


def planted(kind: str):
    return lambda images, is_covid: plant(
        images, is_covid, kind, share=0.9, generator=np.random.default_rng(int(images[0, 0, 0]))
    )


def run(name: str, context: AuditContext) -> AuditResult:
    return AUDITS.get(name)(context)


@pytest.mark.parametrize("name", AUDITS.names())
def test_a_network_that_reads_the_lungs_is_not_flagged(name: str) -> None:
    result = run(name, make_context(lung_score))
    assert result.flagged == (), result.sentence
    assert result.name == name
    assert result.sentence.endswith(".")


@pytest.mark.parametrize("name", AUDITS.names())
def test_every_audit_gives_a_share_with_an_interval_or_a_reason(name: str) -> None:
    for skill in run(name, make_context(lung_score)).skills:
        if skill.retained.value is None:
            assert skill.retained.reason
        else:
            assert skill.retained.low <= skill.retained.value <= skill.retained.high


@pytest.mark.parametrize(
    ("name", "score", "kind"),
    [
        ("lungs-blacked-out", corner_score, "tag"),
        ("border-only", corner_score, "tag"),
        ("corner-marks", corner_score, "tag"),
        ("lungs-blacked-out", brightness_score, "border"),
        ("intensity", brightness_score, "intensity"),
        ("outside-probe", corner_score, "tag"),
        ("outside-probe", lung_score, "border"),
        ("histogram-matched", brightness_score, "intensity"),
    ],
)
def test_the_audit_made_for_a_shortcut_flags_it(name: str, score: Callable, kind: str) -> None:
    sign = -1 if kind == "border" else 1
    result = run(name, make_context(lambda images: sign * score(images), planted(kind)))
    assert "COVID-19" in result.flagged, result.sentence
    assert result.skills[0].whole.low > 0.7


def quality_score(images: np.ndarray) -> np.ndarray:
    return -np.abs(np.diff(images.astype(float), axis=2)).mean(axis=(1, 2)) / images.std(axis=(1, 2))


@pytest.mark.parametrize("kind", STORED)
def test_another_way_of_storing_as_the_only_signal_is_against_the_score(kind: str) -> None:
    sign = -1 if kind == "sharpening" else 1

    def stored(images: np.ndarray, is_covid: np.ndarray) -> np.ndarray:
        soft = np.stack([cv2.GaussianBlur(image, (0, 0), 1.0) for image in images])  # as radiographs, unlike noise
        altered = PLANTS[kind](soft)
        return np.where(is_covid[:, None, None], altered, soft)

    context = make_context(lambda images: sign * quality_score(images), stored)
    result = run("texture", context)
    assert "COVID-19" in result.flagged, result.sentence
    assert result.skills[0].retained.low > 0.5
    found = audit_findings([result])
    assert ("nuisance", "against", "data") in [(one.rule, one.weight, one.about) for one in found]
    assert "fine texture outside the lungs (compression, resampling, sharpening)" in found[0].sentence


def test_the_texture_of_an_image_knows_neither_its_brightness_nor_where_it_is() -> None:
    images = (np.random.default_rng(0).normal(120, 12, (4, 64, 64))).astype(np.uint8)
    shown = np.ones((64, 64), dtype=np.bool_)
    assert texture_features(images, shown) == pytest.approx(texture_features(images + np.uint8(20), shown), abs=1e-3)
    assert texture_features(images, shown).shape == (4, 9)


def test_lungs_that_carry_all_the_skill_keep_it_alone_and_lose_it_blacked_out() -> None:
    context = make_context(lung_score)
    assert run("lungs-blacked-out", context).skills[0].retained.high < 0.25
    out = run("lungs-blacked-out", context)
    assert "With the lungs blacked out, the rest of the image keeps" in out.sentence


def test_a_source_that_holds_one_class_only_gives_it_away_by_name() -> None:
    context = make_context(lung_score)

    def by_class(part):
        return replace(part, sources=np.where(part.labels == 0, "north", "south"))

    result = run("source-name", replace(context, test=by_class(context.test), train=by_class(context.train)))
    assert result.flagged == ("COVID-19", "Normal")
    assert result.skills[0].part.value == 1.0
    alone = run("source-probe", replace(context, test=by_class(context.test), train=by_class(context.train)))
    assert not alone.estimable
    assert "one source only" in alone.skills[0].retained.reason


def test_features_that_know_the_source_are_flagged_within_each_class() -> None:
    context = make_context(lung_score)

    def brightened(part):
        images = part.images.copy()
        images[part.sources == "north"] //= 2
        return replace(part, images=images)

    result = run("source-probe", replace(context, test=brightened(context.test), train=brightened(context.train)))
    assert set(result.flagged) == {"COVID-19", "Normal"}


def test_features_that_know_the_age_are_measured() -> None:
    context = make_context(lung_score)

    def aged(part):
        images = (part.images * (0.4 + part.ages / 160)[:, None, None]).astype(np.uint8)
        return replace(part, images=images)

    result = run("age-probe", replace(context, test=aged(context.test), train=aged(context.train)))
    assert result.skills[0].retained.low > 0.5
    assert "children from adults within COVID-19" in result.sentence
    ages = np.full(160, np.nan)
    ages[:24] = 50.0 + np.arange(24)
    few = replace(context, test=replace(context.test, ages=ages), train=None)
    assert run("age-probe", few).sentence.startswith("Not estimable: COVID-19 has 12 known ages, not 10 higher")


def test_without_training_images_the_probes_are_fitted_on_other_patients() -> None:
    context = replace(make_context(brightness_score, planted("intensity")), train=None)
    assert "COVID-19" in run("intensity", context).flagged
    control = run("planted-confounder", context)
    assert {"border", "intensity"} & set(control.flagged) == set()


def test_patients_shared_by_training_and_test_are_seen_by_permuted_labels() -> None:
    context = make_context(lung_score)
    codes = np.random.default_rng(0).normal(size=(160, 40))

    class Memory:
        def probabilities(self, images):
            return context.judge.probabilities(images)

        def features(self, images):
            return codes[np.unique(context.test.groups, return_inverse=True)[1]] * 5

    shared = replace(context, train=replace(context.train, groups=context.test.groups), judge=Memory())
    assert run("label-permutation", shared).flagged == ("COVID-19", "Normal")
    assert "share patients" in run("label-permutation", shared).sentence


def test_what_is_left_and_ranks_the_wrong_way_round_is_said_and_flagged() -> None:
    def score(images: np.ndarray) -> np.ndarray:
        seen = (images[:, 12:36, 12:36] > 0).any(axis=(1, 2))
        return np.where(seen, lung_score(images), -corner_score(images))

    result = run("lungs-blacked-out", make_context(score, planted("tag")))
    head = result.skills[0]
    assert head.retained.high < 0
    assert "COVID-19" in result.flagged
    assert "ranks COVID-19 the wrong way round" in result.sentence
    assert share(head.retained).startswith("-")


def test_a_network_that_guesses_has_no_skill_to_share() -> None:
    result = run("lungs-blacked-out", make_context(lambda images: images[:, 0, 0] / 255.0))
    assert not result.estimable
    assert "reaches guessing here" in result.skills[0].retained.reason


def test_an_unknown_audit_is_refused_with_the_known_names() -> None:
    with pytest.raises(Exception, match="unknown audit 'lungs'"):
        AUDITS.get("lungs")


@pytest.mark.parametrize("name", AUDITS.names())
@pytest.mark.parametrize("rows", [[0, 1], [0, 2, 4, 1], [0, 1, 2, 3, 4, 5]])
def test_a_handful_of_images_gives_reasons_and_no_crash(name: str, rows: list[int]) -> None:
    context = make_context(lung_score)
    few = replace(context, test=context.test.where(np.array(rows)), films=context.films[rows], train=None)
    result = run(name, few)
    for skill in result.skills:
        assert skill.retained.value is not None or skill.retained.reason
    assert result.sentence.endswith(".")


@pytest.mark.parametrize("name", AUDITS.names())
def test_images_of_one_patient_give_no_interval_and_no_flag(name: str) -> None:
    context = make_context(lung_score)
    alone = replace(context.test.where(np.arange(20)), groups=np.array(["one"] * 20))
    result = run(name, replace(context, test=alone, films=context.films[:20], train=None))
    assert result.expectation == "control" or result.flagged == ()
