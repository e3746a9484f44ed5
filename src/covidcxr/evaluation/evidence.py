"""What a verdict rests on, and what it says: cohorts with their measurements and counts, findings, the verdict.

How one follows from the other is known to `verdict` and `data_rules`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from covidcxr.core.labels import COVID19
from covidcxr.core.types import EvaluationReport
from covidcxr.evaluation.age import AgeReading
from covidcxr.evaluation.confounds import Confounding
from covidcxr.evaluation.nuisance import NuisanceResult

Weight = Literal["against", "doubt"]
VerdictValue = Literal["believable", "doubtful", "not believable"]
About = Literal["network", "data", "study"]

ALONE_TELLS = 0.75  # AUROC from which source or age alone tells a class: half of a perfect score's skill
COPIED_MOST = 0.05  # of a cohort's files, from which it is no external one
CLEAN_PATIENTS = 20  # with the target, and without it
KNOWN_AGES = 0.8  # of the images with the target, and of the others


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One reason.

    Attributes:
        rule: Stable short name.
        weight: ``against`` or ``doubt``.
        sentence: For a person.
        change: What data or measurement would change it; empty if nothing short of another study.
        about: What was found wanting: what the ``network`` does, what the ``data`` would let any network do, or how
            the ``study`` was made.
    """

    rule: str
    weight: Weight
    sentence: str
    change: str = ""
    about: About = "study"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The answer and its reasons, the weightiest first."""

    value: VerdictValue
    findings: tuple[Finding, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """The sentences alone."""
        return tuple(finding.sentence for finding in self.findings)


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitCopies:
    """Duplicates that a dataset is known to hold across its own splits, as far as they concern the judged images.

    Attributes:
        images: Judged images with a duplicate in another split; empty if none is known.
        conflicting: Those of them whose duplicate has another class.
        pairs: Each pair as a sentence names it, split and class of both included.
    """

    images: tuple[str, ...] = ()
    conflicting: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What was found, in one sentence; empty if nothing was."""
        if not self.images:
            return ""
        number = "1 of its images has" if len(self.images) == 1 else f"{len(self.images)} of its images have"
        other = f", {len(self.conflicting)} of them under another class" if self.conflicting else ""
        more = f"; and {len(self.pairs) - _NAMED_PAIRS} more" if len(self.pairs) > _NAMED_PAIRS else ""
        named = "; ".join(self.pairs[:_NAMED_PAIRS])
        return f"{number} a duplicate in another split of the same dataset{other}: {named}{more}."


NO_SPLIT_COPIES = SplitCopies()
_NAMED_PAIRS = 3


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CohortEvidence:
    """One cohort: what was measured on it, and what its classes differ in besides the disease.

    Attributes:
        report: The measurements.
        confounding: Counts from its manifest.
        nuisance: How far nuisance alone gets on it; None if it was not measured.
        internal: True if its images come from the dataset the network was trained on.
        trained_on: What these images did in the training ("the network was trained on them"); empty if nothing.
        in_training: Cases of an external cohort whose file is byte for byte in the training images.
        copied: Likewise, whose file is anywhere in the dataset the network was trained on.
        crossing: Duplicates of its cases in other splits of the dataset the network was trained on.
    """

    report: EvaluationReport
    confounding: Confounding
    nuisance: NuisanceResult | None = None
    internal: bool = True
    trained_on: str = ""
    in_training: int = 0
    copied: int = 0
    crossing: SplitCopies = NO_SPLIT_COPIES

    def unclear(self, target: str) -> tuple[str, ...]:
        """Return why this cohort cannot show a score on ``target`` to be free of source and age; empty if it can."""
        facts = self.confounding
        with_it = [entry for entry in facts.classes if entry.label == target]
        others = [entry for entry in facts.classes if entry.label != target]
        patients = tuple(sum(entry.num_patients for entry in side) for side in (with_it, others))
        reasons = []
        if self.trained_on:
            reasons.append(self.trained_on)
        if self.copied:
            reasons.append(f"{self.copied} of its files are in the dataset the network was trained on")
        if min(patients) < CLEAN_PATIENTS:
            reasons.append(
                f"{patients[0]} patients with {target} and {patients[1]} without, not {CLEAN_PATIENTS} of each"
            )
        if target not in facts.by_source and all(patients):
            reasons.append("where its images come from is not recorded")
        unknown = [sum(entry.age_unknown for entry in side) for side in (with_it, others)]
        images = [sum(entry.num_images for entry in side) for side in (with_it, others)]
        if any(missing > (1 - KNOWN_AGES) * number for missing, number in zip(unknown, images, strict=True)):
            reasons.append(f"ages are known for {sum(images) - sum(unknown)} of its {sum(images)} images")
        for what, told in (("source", facts.by_source), ("age", facts.by_age)):
            if told.get(target, 0.5) >= ALONE_TELLS:
                reasons.append(f"the {what} alone tells {target} from the rest at AUROC {told[target]:.2f}")
        if facts.ages_apart or facts.disjoint_sources:
            reasons.append("its classes differ in age or source altogether")
        return tuple(reasons)


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
        age: What the network makes of age in patients without the target, over all cohorts.
        before: What was measured inside before, where no cohort here is internal.
    """

    cohorts: Sequence[CohortEvidence]
    test_seen: bool
    synthetic: bool
    target: str
    audits: Sequence[Finding] = ()
    audited: bool = False
    age: AgeReading = field(default_factory=lambda: AgeReading(target="", reason="not measured"))
    before: EvaluationReport | None = None

    @property
    def internal(self) -> CohortEvidence | None:
        """The first internal cohort."""
        return next((cohort for cohort in self.cohorts if cohort.internal), None)

    @property
    def external(self) -> tuple[CohortEvidence, ...]:
        """The external cohorts, without one that is a copy of the network's own dataset."""
        outside = [cohort for cohort in self.cohorts if not cohort.internal]
        return tuple(cohort for cohort in outside if cohort.copied < COPIED_MOST * cohort.report.num_images)

    def clean(self, cohort: CohortEvidence) -> bool:
        """Whether neither source nor age alone can explain the score on ``cohort``, as far as its manifest tells."""
        return not cohort.unclear(self.target)

    def about(self, cohort: CohortEvidence, sentence: str) -> str:
        """Return ``sentence`` with the cohort's name before it, where there are several."""
        several = len(self.cohorts) > 1
        return f"{cohort.report.cohort}: {sentence}" if several else sentence[:1].upper() + sentence[1:]


def part_in_training(split: str, *, validated_on: str) -> str:
    """Return what the images of ``split`` of a network's own dataset did in its training; empty if nothing.

    ``validated_on`` is the bundle's ``history.validation_split``. A test split that was the validation part is named
    by `Evidence.test_seen`.
    """
    if split == "train":
        return "the network was trained on them"
    if split == "val" and validated_on == "patients":
        return "the epoch, the temperature and the thresholds were chosen on them"
    return ""


def target_class(classes: Sequence[str]) -> str:
    """Return COVID-19 where there is such a class, else the first one."""
    return COVID19 if COVID19 in classes else classes[0]
