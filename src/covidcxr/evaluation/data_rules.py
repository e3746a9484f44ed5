"""Rules on data and study: what the cohorts' manifests and the making of the study say against a score.

None of them says that the network does what the data would let it do; that is for the rules on measurements
(`verdict`) and for the audits.
"""

from __future__ import annotations

from covidcxr.evaluation.evidence import COPIED_MOST, Evidence, Finding, Weight

RETAINED_AGAINST = 0.8  # nuisance alone has four fifths of the network's skill above chance
RETAINED_DOUBT = 0.5
SOURCE_AGAINST = 0.95  # AUROC of the source's name alone: next to a class without a shared source

_NEED_ADULTS = (
    "controls of the same ages as the patients; adults without {target} as one more dataset of `covidcxr evaluate` "
    "measure whether the network reads the age"
)
_NEED_SOURCES = "every class from the same hospitals and scanners"


def synthetic(evidence: Evidence) -> list[Finding]:
    """Phantoms say nothing."""
    if not evidence.synthetic:
        return []
    sentence = "Synthetic phantoms trained the network, or tested it: nothing measured says anything about patients."
    return [Finding(rule="synthetic", weight="against", sentence=sentence, change="real radiographs", about="data")]


def confounded(evidence: Evidence) -> list[Finding]:
    """Source or age alone tells the classes apart; only a doubt if another cohort is free of both."""
    weight: Weight = "doubt" if any(evidence.clean(cohort) for cohort in evidence.cohorts) else "against"
    target, found = evidence.target, []
    for cohort in evidence.cohorts:
        facts = cohort.confounding
        if facts.age_sentence:
            change = _NEED_ADULTS.format(target=target)
            sentence = evidence.about(cohort, facts.age_sentence)
            found.append(Finding(rule="age", weight=weight, sentence=sentence, change=change, about="data"))
        words = facts.source_sentence
        if not words and facts.by_source.get(target, 0.5) >= SOURCE_AGAINST:
            area = facts.by_source[target]
            words = f"the source's name alone tells {target} from the rest at AUROC {area:.2f}, without any image."
        if words:
            sentence = evidence.about(cohort, words)
            found.append(Finding(rule="source", weight=weight, sentence=sentence, change=_NEED_SOURCES, about="data"))
    return found


def unclear(evidence: Evidence) -> list[Finding]:
    """No cohort can show the score to be free of source and age, though none shows it to be confounded."""
    if any(evidence.clean(cohort) for cohort in evidence.cohorts) or confounded(evidence):
        return []
    parts = [f"{cohort.report.cohort}: {', '.join(cohort.unclear(evidence.target))}" for cohort in evidence.cohorts]
    sentence = f"No cohort can show that the score is free of source and age ({'; '.join(parts)})."
    change = f"a cohort with {evidence.target} and without it from the same sources, at known ages that overlap"
    return [Finding(rule="unclear", weight="doubt", sentence=sentence, change=change, about="data")]


def nuisance(evidence: Evidence) -> list[Finding]:
    """Six intensity numbers alone have much of the network's skill."""
    weight_if_high: Weight = "doubt" if any(evidence.clean(cohort) for cohort in evidence.external) else "against"
    found = []
    for cohort in evidence.cohorts:
        share = cohort.nuisance.retained.get(evidence.target) if cohort.nuisance else None
        if cohort.nuisance is None or share is None or share < RETAINED_DOUBT:
            continue
        low = cohort.nuisance.metrics[f"auroc/{evidence.target}"].low
        if low is None or low <= 0.5:
            continue
        words = (
            f"the data give {evidence.target} away without a lung: "
            f"{cohort.nuisance.sentence(evidence.target).rstrip('.')}, {min(share, 9.99):.0%} of the network's skill "
            "above chance."
        )
        weight = weight_if_high if share >= RETAINED_AGAINST else "doubt"
        change = "images of all classes with the same exposure and post-processing"
        sentence = evidence.about(cohort, words)
        found.append(Finding(rule="nuisance", weight=weight, sentence=sentence, change=change, about="data"))
    return found


def trained_on(evidence: Evidence) -> list[Finding]:
    """A score on images that the training saw."""
    change = "the test split, or a cohort that no training has seen"
    return [
        Finding(
            rule="trained-on",
            weight="against",
            sentence=evidence.about(cohort, f"these are no test images: {cohort.trained_on}."),
            change=change,
        )
        for cohort in evidence.cohorts
        if cohort.trained_on
    ]


def leak(evidence: Evidence) -> list[Finding]:
    """An external cohort holds files of the training, or of the internal test."""
    found = []
    for cohort in evidence.cohorts:
        if not cohort.copied:
            continue
        total, inside = cohort.report.num_images, cohort.in_training
        weight: Weight = "against" if inside >= COPIED_MOST * total else "doubt"
        words = (
            f"{inside} of its {total} files are in the training images."
            if inside
            else f"{cohort.copied} of its {total} files are in the network's own dataset: it is not external."
        )
        change = "a cohort without files of the network's own dataset"
        found.append(Finding(rule="leak", weight=weight, sentence=evidence.about(cohort, words), change=change))
    return found


def crossing(evidence: Evidence) -> list[Finding]:
    """Judged images have duplicates in the training or validation part of the same dataset."""
    found = []
    for cohort in evidence.cohorts:
        if not cohort.crossing.images:
            continue
        share = len(cohort.crossing.images) / cohort.report.num_images
        weight: Weight = "against" if share >= COPIED_MOST else "doubt"
        sentence = evidence.about(cohort, cohort.crossing.sentence)
        change = "duplicates grouped before the split (near_duplicates in the recipe)"
        found.append(Finding(rule="split-copies", weight=weight, sentence=sentence, change=change))
    return found


def validated_on_test(evidence: Evidence) -> list[Finding]:
    """The test images chose something."""
    if not evidence.test_seen:
        return []
    sentence = "The test images were also the validation images: what was tuned on them cannot be measured on them."
    change = "a validation part carved from train by patient"
    return [Finding(rule="test-seen", weight="doubt", sentence=sentence, change=change)]


def not_audited(evidence: Evidence) -> list[Finding]:
    """Nobody looked at what the network looks at."""
    if evidence.audited:
        return []
    sentence = "No shortcut audit was made: what the network looks at was not tested."
    return [Finding(rule="no-audit", weight="doubt", sentence=sentence, change="covidcxr audit on the same cohort")]
