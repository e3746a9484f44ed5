"""Is the score believable? A small set of documented rules turns what was measured into an answer and its reasons.

Every rule looks at measurements or at counts from a manifest, never at the name of a recipe, a dataset or a network.
One finding against it makes a score ``not believable``; without one, any doubt makes it ``doubtful``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from covidcxr.core.labels import COVID19
from covidcxr.core.types import EvaluationReport, Metric
from covidcxr.evaluation.confounds import Confounding
from covidcxr.evaluation.nuisance import NuisanceResult
from covidcxr.metrics.comparison import independent_difference

Weight = Literal["against", "doubt"]
VerdictValue = Literal["believable", "doubtful", "not believable"]

RETAINED_AGAINST = 0.8  # nuisance alone has four fifths of the network's skill above chance
RETAINED_DOUBT = 0.5
GAP_AGAINST = 0.10  # of AUROC, with an interval of the change that leaves out 0
GAP_DOUBT = 0.05
ECE_DOUBT = 0.05  # the whole interval lies above it
LEAK_AGAINST = 0.05  # of the cohort's files
WIDTH_DOUBT = 0.20  # of the target class's sensitivity interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One reason.

    Attributes:
        rule: Stable short name.
        weight: ``against`` or ``doubt``.
        sentence: For a person.
        change: What data or measurement would change it; empty if nothing short of another study.
    """

    rule: str
    weight: Weight
    sentence: str
    change: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The answer and its reasons, the weightiest first."""

    value: VerdictValue
    findings: tuple[Finding, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """The sentences alone."""
        return tuple(finding.sentence for finding in self.findings)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CohortEvidence:
    """One cohort: what was measured on it, and what its classes differ in besides the disease.

    Attributes:
        report: The measurements.
        confounding: Counts from its manifest.
        nuisance: How far nuisance alone gets on it; None if it was not measured.
        internal: True if its images come from the dataset the network was trained on.
        in_training: Cases whose file is byte for byte in the training images.
    """

    report: EvaluationReport
    confounding: Confounding
    nuisance: NuisanceResult | None = None
    internal: bool = True
    in_training: int = 0

    @property
    def clean(self) -> bool:
        """Whether neither source nor age alone tells the classes apart."""
        return not (self.confounding.disjoint_sources or self.confounding.ages_apart)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Evidence:
    """All that a verdict rests on.

    Attributes:
        cohorts: Internal and external; at least one.
        test_seen: Whether the test images chose the epoch, the threshold or the temperature.
        synthetic: Whether any image is a computed phantom.
        target: The class whose detection matters.
        audits: Findings of shortcut audits, if any were made.
        audited: Whether shortcut audits were made at all.
        before: What was measured inside before, where no cohort here is internal.
    """

    cohorts: Sequence[CohortEvidence]
    test_seen: bool
    synthetic: bool
    target: str
    audits: Sequence[Finding] = ()
    audited: bool = False
    before: EvaluationReport | None = None

    @property
    def internal(self) -> CohortEvidence | None:
        """The first internal cohort."""
        return next((cohort for cohort in self.cohorts if cohort.internal), None)

    @property
    def external(self) -> tuple[CohortEvidence, ...]:
        """The external cohorts."""
        return tuple(cohort for cohort in self.cohorts if not cohort.internal)


def target_class(classes: Sequence[str]) -> str:
    """Return COVID-19 where there is such a class, else the first one."""
    return COVID19 if COVID19 in classes else classes[0]


def judge(evidence: Evidence) -> Verdict:
    """Apply every rule and return the verdict."""
    findings = [finding for rule in _RULES for finding in rule(evidence)]
    findings += evidence.audits
    findings.sort(key=lambda finding: finding.weight != "against")
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


def _about(evidence: Evidence, cohort: CohortEvidence, sentence: str) -> str:
    """Return ``sentence`` with the cohort's name before it, where there are several."""
    several = len(evidence.cohorts) > 1
    return f"{cohort.report.cohort}: {sentence}" if several else sentence[:1].upper() + sentence[1:]


def _synthetic(evidence: Evidence) -> list[Finding]:
    if not evidence.synthetic:
        return []
    sentence = "The images are synthetic phantoms: nothing measured on them says anything about patients."
    return [Finding(rule="synthetic", weight="against", sentence=sentence, change="real radiographs")]


def _confounded(evidence: Evidence) -> list[Finding]:
    """Source or age alone tells the classes apart; only a doubt if another cohort is free of both."""
    weight: Weight = "doubt" if any(cohort.clean for cohort in evidence.cohorts) else "against"
    found = []
    for cohort in evidence.cohorts:
        if cohort.confounding.ages_apart:
            change = "controls of the same ages as the patients"
            sentence = _about(evidence, cohort, cohort.confounding.findings[0])
            found.append(Finding(rule="age", weight=weight, sentence=sentence, change=change))
        if cohort.confounding.disjoint_sources:
            sentence = next(
                text for text in cohort.confounding.findings if "shares no source" in text or "share no source" in text
            )
            change = "every class from the same hospitals and scanners"
            found.append(
                Finding(rule="source", weight=weight, sentence=_about(evidence, cohort, sentence), change=change)
            )
    return found


def _nuisance(evidence: Evidence) -> list[Finding]:
    weight_if_high: Weight = "doubt" if any(cohort.clean for cohort in evidence.external) else "against"
    found = []
    for cohort in evidence.cohorts:
        share = cohort.nuisance.retained.get(evidence.target) if cohort.nuisance else None
        if cohort.nuisance is None or share is None or share < RETAINED_DOUBT:
            continue
        low = cohort.nuisance.metrics[f"auroc/{evidence.target}"].low
        if low is None or low <= 0.5:
            continue
        sentence = (
            f"{cohort.nuisance.sentence(evidence.target).rstrip('.')}: {min(share, 9.99):.0%} of the network's skill "
            "above chance, without looking at a lung."
        )
        weight = weight_if_high if share >= RETAINED_AGAINST else "doubt"
        change = "images of all classes with the same exposure and post-processing"
        found.append(
            Finding(rule="nuisance", weight=weight, sentence=_about(evidence, cohort, sentence), change=change)
        )
    return found


def _no_skill(evidence: Evidence) -> list[Finding]:
    found = []
    for cohort in evidence.cohorts:
        metric = cohort.report.metrics.get(f"auroc/{evidence.target}")
        if metric is not None and metric.low is not None and metric.low <= 0.5:
            words = f"the AUROC of {evidence.target} is not shown to be better than chance."
            sentence = _about(evidence, cohort, words)
            found.append(
                Finding(rule="no-skill", weight="against", sentence=sentence, change="more cases, or another network")
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
            Finding(rule="external-gap", weight=weight, sentence=sentence, change="training data from more hospitals")
        )
    return found


def _leak(evidence: Evidence) -> list[Finding]:
    found = []
    for cohort in evidence.cohorts:
        if cohort.in_training:
            share = cohort.in_training / cohort.report.num_images
            weight: Weight = "against" if share >= LEAK_AGAINST else "doubt"
            words = f"{cohort.in_training} of its {cohort.report.num_images} files are in the training images."
            change = "a cohort without files of the training"
            sentence = _about(evidence, cohort, words)
            found.append(Finding(rule="leak", weight=weight, sentence=sentence, change=change))
    return found


def _test_seen(evidence: Evidence) -> list[Finding]:
    if not evidence.test_seen:
        return []
    sentence = "The test images were also the validation images: what was tuned on them cannot be measured on them."
    return [
        Finding(
            rule="test-seen", weight="doubt", sentence=sentence, change="a validation part carved from train by patient"
        )
    ]


def _not_audited(evidence: Evidence) -> list[Finding]:
    if evidence.audited:
        return []
    sentence = "No shortcut audit was made: what the network looks at was not tested."
    return [Finding(rule="no-audit", weight="doubt", sentence=sentence, change="covidcxr audit on the same cohort")]


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
        sentence = _about(evidence, cohort, f"too few patients; the sensitivity for {evidence.target} {words}.")
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
            sentence = _about(evidence, cohort, words)
            change = "calibration on a validation part"
            found.append(Finding(rule="miscalibrated", weight="doubt", sentence=sentence, change=change))
    return found


_RULES: tuple[Callable[[Evidence], list[Finding]], ...] = (
    _synthetic,
    _confounded,
    _nuisance,
    _no_skill,
    _leak,
    _external_gap,
    _test_seen,
    _not_audited,
    _imprecise,
    _miscalibrated,
)
