"""Is the score believable? A small set of documented rules turns what was measured into an answer and its reasons.

Every rule looks at measurements or at counts from a manifest, never at the name of a recipe, a dataset or a network.
One finding against it makes a score ``not believable``; without one, any doubt makes it ``doubtful``. The rules on data
and study are in `data_rules`, those on audits in `covidcxr.audit.findings`; docs/verdict-and-audits.md lists them all.
"""

from __future__ import annotations

from collections.abc import Callable

from covidcxr.core.types import EvaluationReport, Metric
from covidcxr.evaluation import data_rules
from covidcxr.evaluation.age_rule import age_finding
from covidcxr.evaluation.evidence import (
    CohortEvidence,
    Evidence,
    Finding,
    Verdict,
    VerdictValue,
    Weight,
    target_class,
)
from covidcxr.evaluation.heat_map_rule import heat_maps
from covidcxr.metrics.comparison import independent_difference

__all__ = [
    "CohortEvidence",
    "Evidence",
    "Finding",
    "Verdict",
    "internal_external_gap",
    "judge",
    "target_class",
]

GAP_AGAINST = 0.10  # of AUROC, with an interval of the change that leaves out 0
GAP_DOUBT = 0.05
ECE_DOUBT = 0.05  # the whole interval lies above it
WIDTH_DOUBT = 0.20  # of the target class's sensitivity interval
_ORDER = ("network", "data", "study")  # what a network does weighs more than what the data would let it do


def judge(evidence: Evidence) -> Verdict:
    """Apply every rule and return the verdict."""
    findings = [finding for rule in _RULES for finding in rule(evidence)]
    findings += evidence.audits
    findings.sort(key=lambda finding: (finding.weight != "against", _ORDER.index(finding.about)))
    if any(finding.weight == "against" for finding in findings):
        value: VerdictValue = "not believable"
    else:
        value = "doubtful" if findings else "believable"
    return Verdict(value=value, findings=tuple(findings))


def internal_external_gap(
    internal: EvaluationReport, external: EvaluationReport, target: str
) -> tuple[str, Metric, Metric] | None:
    """Return the first metric both cohorts have, of AUROC of ``target``, macro AUROC and accuracy, with both values."""
    for name in (f"auroc/{target}", "auroc_macro", "accuracy"):
        inside, outside = internal.metrics.get(name), external.metrics.get(name)
        if inside is not None and outside is not None and inside.value is not None and outside.value is not None:
            return name, inside, outside
    return None


def _no_skill(evidence: Evidence) -> list[Finding]:
    found = []
    for cohort in evidence.cohorts:
        metric = cohort.report.metrics.get(f"auroc/{evidence.target}")
        if metric is not None and metric.low is not None and metric.low <= 0.5:
            words = f"the AUROC of {evidence.target} is not shown to be better than chance."
            sentence = evidence.about(cohort, words)
            found.append(
                Finding(
                    rule="no-skill",
                    weight="against",
                    sentence=sentence,
                    change="more cases, or another network",
                    about="network",
                )
            )
    return found


def _external_gap(evidence: Evidence) -> list[Finding]:
    if not evidence.external:
        sentence = "No external cohort was evaluated: the score says nothing about another hospital."
        return [
            Finding(
                rule="no-external", weight="doubt", sentence=sentence, change="an external cohort from other hospitals"
            )
        ]
    found = []
    inside_report = evidence.internal.report if evidence.internal else evidence.before
    if inside_report is None:
        return []
    for cohort in evidence.external:
        pair = internal_external_gap(inside_report, cohort.report, evidence.target)
        if pair is None:
            continue
        name, inside, outside = pair
        change = independent_difference(inside, outside)
        if change.value is None or -change.value < GAP_DOUBT:
            continue
        sure = change.high is not None and change.high < 0
        weight: Weight = "against" if -change.value >= GAP_AGAINST and sure else "doubt"
        limits = "" if change.low is None else f" (change {change.value:.3f}, {change.low:.3f} to {change.high:.3f})"
        sentence = (
            f"{name} falls from {inside.value:.3f} inside to {outside.value:.3f} on {cohort.report.cohort}{limits}."
        )
        found.append(
            Finding(
                rule="external-gap",
                weight=weight,
                sentence=sentence,
                change="training data from more hospitals",
                about="network",
            )
        )
    return found


def _imprecise(evidence: Evidence) -> list[Finding]:
    found = []
    for cohort in evidence.cohorts:
        metric = cohort.report.metrics.get(f"sensitivity/{evidence.target}")
        if metric is None or metric.value is None:
            continue
        if metric.low is None or metric.high is None:
            words = f"has no interval ({metric.reason})"
        elif metric.high - metric.low > WIDTH_DOUBT:
            words = f"is anywhere from {metric.low:.2f} to {metric.high:.2f}"
        else:
            continue
        sentence = evidence.about(cohort, f"too few patients; the sensitivity for {evidence.target} {words}.")
        found.append(
            Finding(rule="imprecise", weight="doubt", sentence=sentence, change=f"more patients with {evidence.target}")
        )
    return found


def _miscalibrated(evidence: Evidence) -> list[Finding]:
    found = []
    for cohort in evidence.cohorts:
        error = cohort.report.metrics.get("ece")
        if error is not None and error.value is not None and error.low is not None and error.low > ECE_DOUBT:
            words = f"the probabilities are off by {error.value:.2f} on average (calibration error)."
            sentence = evidence.about(cohort, words)
            change = "calibration on a validation part"
            found.append(
                Finding(rule="miscalibrated", weight="doubt", sentence=sentence, change=change, about="network")
            )
    return found


def _reads_age(evidence: Evidence) -> list[Finding]:
    finding = age_finding(evidence.age)
    return [finding] if finding else []


_RULES: tuple[Callable[[Evidence], list[Finding]], ...] = (
    data_rules.synthetic,
    data_rules.trained_on,
    _reads_age,
    heat_maps,
    data_rules.confounded,
    data_rules.nuisance,
    _no_skill,
    data_rules.leak,
    data_rules.crossing,
    _external_gap,
    data_rules.unclear,
    data_rules.validated_on_test,
    data_rules.not_audited,
    _imprecise,
    _miscalibrated,
)
