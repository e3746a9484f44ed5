from __future__ import annotations

from dataclasses import replace

import pytest

from cohort_builders import CLASSES, cohort_of_counts, random_cohort, sample
from covidcxr.core.types import Metric
from covidcxr.evaluation.confounds import Confounding, find_confounding
from covidcxr.evaluation.evidence import SplitCopies, part_in_training
from covidcxr.evaluation.nuisance import NuisanceResult
from covidcxr.evaluation.report import evaluate_cohort
from covidcxr.evaluation.verdict import CohortEvidence, Evidence, Finding, internal_external_gap, judge, target_class
from covidcxr.metrics.settings import IntervalSettings

CLEAN = find_confounding(
    [
        sample(f"{label}{i}", label=label, source=source, age=50)
        for label in CLASSES
        for source in "ab"
        for i in range(12)
    ],
    CLASSES,
)
CONFOUNDED = find_confounding(
    [sample(f"c{i}", age=60) for i in range(9)]
    + [sample(f"{label}{i}", label=label, source="kids", age=3) for label in CLASSES[1:] for i in range(9)],
    CLASSES,
)


def cohort_evidence(
    *, clean: bool = True, internal: bool = True, skill: float = 6.0, name: str = "home"
) -> CohortEvidence:
    cohort = replace(random_cohort(num_cases=300, skill=skill, images_a_patient=1), name=name)
    report = evaluate_cohort(cohort, subgroups=False, intervals=IntervalSettings(rounds=100))
    calm = dict(report.metrics) | {"ece": Metric(name="ece", value=0.01, low=0.0, high=0.02)}
    return CohortEvidence(
        report=replace(report, metrics=calm), confounding=CLEAN if clean else CONFOUNDED, internal=internal
    )


def evidence(*cohorts: CohortEvidence, **changes: object) -> Evidence:
    fields: dict[str, object] = {"test_seen": False, "synthetic": False, "target": "COVID-19", "audited": True}
    return Evidence(cohorts=cohorts, **(fields | changes))  # type: ignore[arg-type]


def rules(found: Evidence) -> set[str]:
    return {finding.rule for finding in judge(found).findings}


def test_a_clean_score_that_holds_outside_is_believable() -> None:
    verdict = judge(evidence(cohort_evidence(), cohort_evidence(internal=False, name="away")))
    assert verdict.value == "believable", verdict.reasons
    assert verdict.findings == ()


def test_classes_apart_by_age_and_source_are_not_believable_by_their_manifest() -> None:
    verdict = judge(evidence(cohort_evidence(clean=False)))
    assert verdict.value == "not believable"
    assert [finding.rule for finding in verdict.findings[:2]] == ["age", "source"]
    assert verdict.reasons[0].startswith("Age separates the classes")


def unclean(**changes: object) -> Confounding:
    """A cohort of COVID-19 and Normal that only lacks one thing to be clean."""
    fields: dict[str, object] = {"number": 24, "classes": CLASSES[:2], "source": "away", "age": 50.0} | changes
    samples = [
        sample(f"{label}{i}", label=label, source=str(fields["source"]), age=fields["age"])  # type: ignore[arg-type]
        for label in fields["classes"]  # type: ignore[attr-defined]
        for i in range(fields["number"])  # type: ignore[call-overload]
    ]
    return find_confounding(samples, CLASSES)


@pytest.mark.parametrize(
    ("changes", "copied", "reason"),
    [
        ({"number": 12}, 0, "12 patients with COVID-19 and 12 without, not 20 of each"),
        ({"classes": CLASSES[1:]}, 0, "0 patients with COVID-19 and 48 without"),
        ({"source": "class-folders"}, 0, "where its images come from is not recorded"),
        ({"age": None}, 0, "ages are known for 0 of its 48 images"),
        ({}, 1, "1 of its files are in the dataset the network was trained on"),
    ],
)
def test_a_cohort_of_which_too_little_is_known_launders_nothing(
    changes: dict[str, object], copied: int, reason: str
) -> None:
    away = replace(cohort_evidence(internal=False, name="away"), confounding=unclean(**changes), copied=copied)
    assert reason in away.unclear("COVID-19")[0]
    assert judge(evidence(cohort_evidence(clean=False), away)).value == "not believable"
    assert judge(evidence(away, away)).value != "believable"


def test_a_known_cohort_of_both_kinds_from_one_source_is_clean() -> None:
    assert replace(cohort_evidence(), confounding=unclean()).unclear("COVID-19") == ()


def test_a_score_of_which_source_and_age_are_unknown_is_doubtful_and_says_what_is_missing() -> None:
    vague = replace(cohort_evidence(), confounding=unclean(source="class-folders", age=None))
    found = judge(evidence(vague, replace(vague, internal=False))).findings
    assert [finding.rule for finding in found] == ["unclear"]
    assert "home: where its images come from is not recorded, ages are known for 0 of" in found[0].sentence


def test_one_shared_film_does_not_hide_that_the_source_tells_the_class() -> None:
    samples = [sample(f"c{i}", age=50) for i in range(40)]
    samples += [sample(f"n{i}", label="Normal", source="other", age=50) for i in range(39)]
    shared = [*samples, sample("n40", label="Normal", age=50)]
    found = judge(evidence(replace(cohort_evidence(), confounding=find_confounding(shared, CLASSES)))).findings
    assert ("source", "against", "data") in [(finding.rule, finding.weight, finding.about) for finding in found]
    assert "The source's name alone tells COVID-19 from the rest at AUROC 0.99" in found[0].sentence


def test_a_copy_of_the_own_test_images_is_no_external_cohort() -> None:
    copy = replace(cohort_evidence(internal=False, name="copy"), copied=36)
    assert {"leak", "no-external"} <= rules(evidence(cohort_evidence(), copy))


@pytest.mark.parametrize(("split", "validated_on"), [("train", "test"), ("train", "patients"), ("val", "patients")])
def test_a_score_on_images_of_the_training_is_not_believable(split: str, validated_on: str) -> None:
    words = part_in_training(split, validated_on=validated_on)
    seen = replace(cohort_evidence(), trained_on=words)
    verdict = judge(evidence(seen, cohort_evidence(internal=False, name="away")))
    assert verdict.value == "not believable"
    assert verdict.findings[0].rule == "trained-on"
    assert verdict.findings[0].sentence == f"home: these are no test images: {words}."


def test_test_images_and_an_unused_validation_split_were_not_in_the_training() -> None:
    assert part_in_training("test", validated_on="patients") == ""
    assert part_in_training("val", validated_on="test") == ""


def test_a_clean_external_cohort_turns_confounding_into_a_doubt() -> None:
    verdict = judge(evidence(cohort_evidence(clean=False), cohort_evidence(internal=False, name="away")))
    assert verdict.value == "doubtful"
    assert verdict.reasons[0].startswith("home: Age separates")


def test_a_fall_outside_that_chance_could_give_is_a_doubt_only() -> None:
    home, away = cohort_evidence(), cohort_evidence(internal=False, name="away")
    name = "auroc/COVID-19"
    for low, high, weight in ((0.60, 0.98, "doubt"), (0.75, 0.88, "against")):
        outside = Metric(name=name, value=0.82, low=low, high=high)
        inside = Metric(name=name, value=0.95, low=0.92, high=0.97)
        there = replace(away, report=replace(away.report, metrics=dict(away.report.metrics) | {name: outside}))
        here = replace(home, report=replace(home.report, metrics=dict(home.report.metrics) | {name: inside}))
        (finding,) = (entry for entry in judge(evidence(here, there)).findings if entry.rule == "external-gap")
        assert finding.weight == weight
        assert "on away (change -0.130, " in finding.sentence


def test_a_fall_outside_that_is_no_chance_is_not_believable() -> None:
    away = cohort_evidence(internal=False, skill=0.7, name="away")
    verdict = judge(evidence(cohort_evidence(), away))
    assert verdict.value == "not believable"
    assert any(finding.rule == "external-gap" and "on away" in finding.sentence for finding in verdict.findings)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [({"test_seen": True}, "test-seen"), ({"audited": False}, "no-audit"), ({"synthetic": True}, "synthetic")],
)
def test_each_circumstance_is_named(changes: dict[str, bool], rule: str) -> None:
    both = (cohort_evidence(), cohort_evidence(internal=False, name="away"))
    assert rule not in rules(evidence(*both))
    assert rule in rules(evidence(*both, **changes))


def test_no_external_cohort_is_a_doubt() -> None:
    verdict = judge(evidence(cohort_evidence()))
    assert verdict.value == "doubtful"
    assert [finding.rule for finding in verdict.findings] == ["no-external"]


def test_a_network_at_chance_is_not_believable() -> None:
    assert "no-skill" in rules(evidence(cohort_evidence(skill=0.0)))


@pytest.mark.parametrize(("share", "weight"), [(0.9, "against"), (0.6, "doubt"), (0.3, None)])
def test_nuisance_weighs_by_the_skill_it_retains(share: float, weight: str | None) -> None:
    nuisance = NuisanceResult(
        name="six numbers",
        features=("mean",),
        num_train=10,
        metrics={"auroc/COVID-19": Metric(name="auroc", value=0.9, low=0.8, high=0.95)},
        retained={"COVID-19": share},
    )
    found = judge(evidence(replace(cohort_evidence(), nuisance=nuisance))).findings
    assert [finding.weight for finding in found if finding.rule == "nuisance"] == ([weight] if weight else [])


def test_few_patients_and_audit_findings_are_reasons() -> None:
    few = CohortEvidence(
        report=evaluate_cohort(
            cohort_of_counts([[6, 2, 0], [0, 20, 0], [0, 0, 20]]), intervals=IntervalSettings(rounds=100)
        ),
        confounding=CLEAN,
    )
    assert "imprecise" in rules(evidence(few))
    audit = Finding(rule="lungs-out", weight="against", sentence="It does not need the lungs.")
    assert judge(evidence(cohort_evidence(), audits=[audit])).findings[0] is audit


def test_the_gap_falls_back_to_a_metric_that_both_cohorts_have() -> None:
    inside = evaluate_cohort(cohort_of_counts([[5, 1, 0], [1, 5, 0], [0, 0, 6]]), intervals=IntervalSettings(rounds=20))
    outside = evaluate_cohort(
        cohort_of_counts([[5, 3, 0], [0, 0, 0], [0, 0, 0]]), intervals=IntervalSettings(rounds=20)
    )
    found = internal_external_gap(inside, outside, "COVID-19")
    assert found is not None
    assert found[0] == "accuracy"
    assert found[2].value == pytest.approx(5 / 8)


def test_the_target_is_covid19_or_the_first_class() -> None:
    assert target_class(("Normal", "COVID-19")) == "COVID-19"
    assert target_class(("Sick", "Well")) == "Sick"


@pytest.mark.parametrize(("number", "weight"), [(0, None), (3, "doubt"), (30, "against")])
def test_training_files_in_an_external_cohort_are_a_leak(number: int, weight: str | None) -> None:
    away = replace(cohort_evidence(internal=False, name="away"), in_training=number, copied=number)
    found = judge(evidence(cohort_evidence(), away)).findings
    assert [finding.weight for finding in found if finding.rule == "leak"] == ([weight] if weight else [])


def test_duplicates_in_another_split_are_a_finding_that_names_them() -> None:
    pair = "cohen:1 (test, COVID-19) and kermany:2 (train, Pneumonia)"
    few = SplitCopies(images=("cohen:1",), conflicting=("cohen:1",), pairs=(pair,))
    home, away = cohort_evidence(), cohort_evidence(internal=False, name="away")
    verdict = judge(evidence(replace(home, crossing=few), away))
    assert (verdict.value, [finding.rule for finding in verdict.findings]) == ("doubtful", ["split-copies"])
    assert verdict.reasons == (
        f"home: 1 of its images has a duplicate in another split of the same dataset, 1 of them under another class: "
        f"{pair}.",
    )
    many = SplitCopies(images=tuple(f"cohen:{number}" for number in range(20)), pairs=("a and b",) * 20)
    found = judge(evidence(replace(home, crossing=many), away)).findings[0]
    assert (found.rule, found.weight) == ("split-copies", "against")
    assert found.sentence.endswith("a and b; a and b; a and b; and 17 more.")
