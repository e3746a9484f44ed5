"""The rules from audits to findings, one by one."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from covidcxr.audit.findings import audit_findings
from covidcxr.audit.result import AuditResult, Skill
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.core.types import Metric

EXPECTATIONS = {
    "lungs-blacked-out": ("lose", 0.25),
    "border-only": ("lose", 0.25),
    "intensity": ("lose", 0.5),
    "outside-probe": ("lose", 0.25),
    "source-name": ("lose", 0.5),
    "source-probe": ("lose", 0.4),
    "corner-marks": ("keep", 0.8),
    "planted-confounder": ("control", 0.25),
}
Share = tuple[float, float, bool]


def result(name: str, low: float, high: float, flagged: bool) -> AuditResult:
    expectation, threshold = EXPECTATIONS[name]
    whole = Metric(name="auroc/COVID-19", value=0.9, low=0.85, high=0.95)
    retained = Metric(name="retained/COVID-19", value=(low + high) / 2, low=low, high=high)
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


def results(**changes: Share) -> list[AuditResult]:
    shares: dict[str, Share] = dict.fromkeys(EXPECTATIONS, (0.0, 0.1, False))
    shares |= {"corner-marks": (0.95, 1.0, False)}
    shares |= {name.replace("_", "-"): share for name, share in changes.items()}
    return [result(name, *share) for name, share in shares.items()]


def rules(**changes: Share) -> list[tuple[str, str]]:
    return [(finding.rule, finding.weight) for finding in audit_findings(results(**changes))]


def test_nothing_found_leaves_no_finding() -> None:
    assert audit_findings(results()) == ()


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("lungs_blacked_out", "outside-lungs"),
        ("border_only", "outside-lungs"),
        ("intensity", "nuisance"),
        ("outside_probe", "nuisance"),
    ],
)
def test_half_of_the_skill_without_disease_speaks_against_the_score_once(name: str, rule: str) -> None:
    assert rules(**{name: (0.55, 0.8, True)}) == [(rule, "against")]
    finding = audit_findings(results(**{name: (0.55, 0.8, True)}))[0]
    assert "68 % (55 % to 80 %)" in finding.sentence
    assert finding.change


def test_a_value_above_half_whose_interval_reaches_below_is_a_doubt() -> None:
    assert rules(lungs_blacked_out=(0.4, 0.8, True)) == [("audit", "doubt")]


def test_a_telling_source_name_is_a_doubt_until_the_network_can_read_sources() -> None:
    telling = (0.9, 1.0, True)
    assert rules(source_name=telling) == [("audit", "doubt")]
    assert rules(source_name=telling, source_probe=(0.5, 0.9, True)) == [("reads-source", "against")]
    assert rules(source_name=telling, lungs_blacked_out=(0.3, 0.4, True))[0] == ("reads-source", "against")
    assert rules(source_name=telling, outside_probe=(0.3, 0.6, True))[0] == ("source-alone", "against")
    assert rules(source_name=telling, intensity=(0.3, 0.6, False)) == [("audit", "doubt")]
    finding = audit_findings(results(source_name=telling, source_probe=(0.5, 0.9, True)))[0]
    assert "tell the sources within COVID-19 apart" in finding.sentence
    assert "same hospitals" in finding.change


def test_what_the_data_give_away_is_told_apart_from_what_the_network_does() -> None:
    lost = results(source_name=(0.9, 1.0, True), outside_probe=(0.9, 0.97, True), lungs_blacked_out=(-0.02, 0.1, False))
    found = audit_findings(lost)
    assert {finding.about for finding in found} == {"data"}
    assert not any("its skill is not in the lungs" in finding.sentence for finding in found)
    assert found[0].sentence.startswith("The data give COVID-19 away: a linear probe that never sees the lungs")
    assert "not shown: without lungs it keeps 4 % (-2 % to 10 %)" in found[0].sentence
    kept = results(outside_probe=(0.9, 0.97, True), lungs_blacked_out=(0.6, 0.7, True))
    assert [finding.about for finding in audit_findings(kept)] == ["network", "data"]
    assert not any("not shown" in finding.sentence for finding in audit_findings(kept))


def test_a_lost_skill_without_corner_marks_is_a_doubt() -> None:
    assert rules(corner_marks=(0.3, 0.6, True)) == [("audit", "doubt")]


def test_a_failed_control_is_a_doubt() -> None:
    assert rules(planted_confounder=(0.0, 0.5, True)) == [("blind", "doubt")]


def test_an_audit_that_is_missing_or_not_estimable_is_a_doubt() -> None:
    kept = [entry for entry in results() if entry.name != "intensity"]
    assert [finding.rule for finding in audit_findings(kept)] == ["not-audited"]
    unknown = [
        replace(
            entry, skills=tuple(replace(s, retained=Metric(name="r", value=None, reason="none")) for s in entry.skills)
        )
        for entry in results()
    ]
    assert [finding.rule for finding in audit_findings(unknown)] == ["not-audited", "not-audited"]
    assert "could not be estimated" in audit_findings(unknown)[0].sentence


def test_the_docs_name_every_rule_and_every_audit() -> None:
    root = Path(__file__).parents[2]
    text = (root / "docs" / "verdict-and-audits.md").read_text(encoding="utf-8")
    rooms = [*(root / "src/covidcxr/evaluation").glob("*.py"), root / "src/covidcxr/audit/findings.py"]
    rules = {rule for room in rooms for rule in re.findall(r'rule="([a-z-]+)"', room.read_text(encoding="utf-8"))}
    assert len(rules) > 15
    assert [name for name in (*sorted(rules), *AUDITS.names()) if f"`{name}`" not in text] == []
