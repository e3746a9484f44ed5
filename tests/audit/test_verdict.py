"""The verdict's rules, one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from covidcxr.audit.result import AuditResult, Skill
from covidcxr.audit.verdict import Circumstances, decide
from covidcxr.core.types import Metric

EXPECTATIONS = {
    "lungs-blacked-out": ("lose", 0.25),
    "border-only": ("lose", 0.25),
    "intensity": ("lose", 0.5),
    "source-name": ("lose", 0.5),
    "source-probe": ("lose", 0.4),
    "corner-marks": ("keep", 0.8),
    "planted-confounder": ("control", 0.25),
}
OUTSIDE = Circumstances(internal=Metric(name="a", value=0.9), external=(Metric(name="a", value=0.88),))


def result(name: str, low: float, high: float, flagged: bool = False) -> AuditResult:
    expectation, threshold = EXPECTATIONS[name]
    value = (low + high) / 2
    whole = Metric(name="auroc/COVID-19", value=0.9, low=0.85, high=0.95)
    retained = Metric(name="retained/COVID-19", value=value, low=low, high=high)
    return AuditResult(
        name=name,
        title=name,
        question="?",
        expectation=expectation,
        threshold=threshold,
        skills=(Skill(label="COVID-19", whole=whole, part=whole, retained=retained),),
        flagged=("COVID-19",) if flagged else (),
        sentence=f"{name} was found.",
    )


def clean(**changes: tuple[float, float, bool]) -> list[AuditResult]:
    shares = dict.fromkeys(EXPECTATIONS, (0.0, 0.1, False)) | {"corner-marks": (0.95, 1.0, False)}
    shares |= {name.replace("_", "-"): share for name, share in changes.items()}
    return [result(name, *share) for name, share in shares.items()]


def test_nothing_found_and_a_score_that_holds_outside_is_believable() -> None:
    verdict = decide(clean(), OUTSIDE)
    assert verdict.value == "believable"
    assert verdict.reasons
    assert verdict.change


@pytest.mark.parametrize("name", ["lungs_blacked_out", "border_only", "intensity"])
def test_half_of_the_skill_without_disease_is_not_believable(name: str) -> None:
    verdict = decide(clean(**{name: (0.55, 0.8, True)}), OUTSIDE)
    assert verdict.value == "not believable"
    assert "68 % (55 % to 80 %)" in verdict.reasons[0]


def test_the_value_above_half_with_a_limit_below_is_only_doubtful() -> None:
    verdict = decide(clean(lungs_blacked_out=(0.4, 0.8, True)), OUTSIDE)
    assert verdict.value == "doubtful"
    assert verdict.reasons == ("lungs-blacked-out was found.",)


def test_a_source_name_that_gives_the_class_away_is_doubtful_until_the_network_can_read_sources() -> None:
    assert decide(clean(source_name=(0.9, 1.0, True)), OUTSIDE).value == "doubtful"
    verdict = decide(clean(source_name=(0.9, 1.0, True), source_probe=(0.5, 0.9, True)), OUTSIDE)
    assert verdict.value == "not believable"
    assert "tell the sources within COVID-19 apart" in verdict.reasons[0]
    assert any("same hospitals" in need for need in verdict.change)
    assert decide(clean(source_name=(0.9, 1.0, True), intensity=(0.3, 0.6, False)), OUTSIDE).value == "not believable"


@pytest.mark.parametrize(
    ("circumstances", "words"),
    [
        (Circumstances(internal=OUTSIDE.internal), "no external cohort"),
        (replace(OUTSIDE, test_was_validation=True), "its score was chosen"),
        (replace(OUTSIDE, external=(Metric(name="a", value=0.6),)), "falls from 0.90 inside to 0.60 outside"),
    ],
)
def test_a_score_without_an_honest_test_is_doubtful(circumstances: Circumstances, words: str) -> None:
    verdict = decide(clean(), circumstances)
    assert verdict.value == "doubtful"
    assert words in verdict.reasons[0]


def test_an_audit_of_an_external_dataset_needs_no_other_one() -> None:
    assert decide(clean(), Circumstances(is_external=True)).value == "believable"


def test_a_failed_control_is_doubtful() -> None:
    assert decide(clean(planted_confounder=(0.0, 0.5, True)), OUTSIDE).value == "doubtful"


def test_an_audit_that_could_not_be_estimated_is_doubtful() -> None:
    results = [entry for entry in clean() if entry.name != "intensity"]
    verdict = decide(results, OUTSIDE)
    assert verdict.value == "doubtful"
    assert "intensity: this audit could not be estimated" in verdict.reasons[0]


def test_a_network_without_skill_is_not_believable() -> None:
    def without(entry: AuditResult) -> AuditResult:
        return replace(
            entry,
            skills=tuple(replace(s, retained=Metric(name="r", value=None, reason="no skill")) for s in entry.skills),
        )

    verdict = decide([without(entry) for entry in clean()], OUTSIDE)
    assert verdict.value == "not believable"
    assert "not surely better than guessing" in verdict.reasons[0]
