"""What else differs between the classes of a dataset: age, sex, view and source, counted from its manifest.

A class that comes from one source, or one age group, can be recognised by that alone. Nothing here knows a recipe's or
a source's name; only the samples speak. What a network makes of it is measured elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from covidcxr.core.types import Sample, Sex, View
from covidcxr.dataset.class_folders import SOURCE_NAME
from covidcxr.dataset.tables import age_group, age_span
from covidcxr.evaluation.told_by_name import area_above_chance
from covidcxr.metrics.discrimination import auroc

SOURCES_THAT_TELL_NOTHING = frozenset({SOURCE_NAME})  # a folder's place, not where its images come from


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassFacts:
    """One class of a dataset, as its manifest describes it.

    Attributes:
        label: The class.
        num_images, num_patients: Its size; groups stand for patients.
        ages_known: Images with an age in years.
        age_median, age_low, age_high: Of those, in years; None without any.
        children, adults, age_unknown: Images of patients under 18, of others, and of neither by age or stated span.
        sources: Source to images.
        views: View to images.
        women, men: Images with that sex in the metadata.
    """

    label: str
    num_images: int
    num_patients: int
    ages_known: int
    age_median: float | None
    age_low: float | None
    age_high: float | None
    children: int
    adults: int
    age_unknown: int
    sources: Mapping[str, int]
    views: Mapping[str, int]
    women: int
    men: int

    @property
    def share_children(self) -> float | None:
        """Children among images whose patient is known to be a child or an adult; None if none is."""
        known = self.children + self.adults
        return self.children / known if known else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Confounding:
    """What the classes of a dataset differ in besides the disease.

    Attributes:
        classes: Facts, class by class.
        findings: What follows, as plain sentences; empty if nothing was found.
        age_sentence: The one on ages; empty unless one class is mostly children and another mostly adults.
        source_sentence: The one on sources; empty unless some class shares no source with any other.
        by_source, by_age: Class to the AUROC with which its images' source, or age, alone tells it from the rest, at
            least 0.5; without a class for which that is not known. No image is looked at.
    """

    classes: tuple[ClassFacts, ...]
    findings: tuple[str, ...]
    age_sentence: str = ""
    source_sentence: str = ""
    by_source: Mapping[str, float] = field(default_factory=dict)
    by_age: Mapping[str, float] = field(default_factory=dict)

    @property
    def disjoint_sources(self) -> bool:
        """Whether some class shares no source with any other class."""
        return bool(self.source_sentence)

    @property
    def ages_apart(self) -> bool:
        """Whether one class is mostly children and another mostly adults."""
        return bool(self.age_sentence)


def find_confounding(samples: Sequence[Sample], classes: Sequence[str]) -> Confounding:
    """Count age, source, sex and view by class, and say which of them could stand in for the disease."""
    facts = tuple(_class_facts(label, [sample for sample in samples if sample.label == label]) for label in classes)
    present = [entry for entry in facts if entry.num_images]
    single = tuple(entry.label for entry in present if len(entry.sources) == 1)
    apart = [entry for entry in present if not _shares_a_source(entry, present)] if len(present) > 1 else []
    young = [entry for entry in present if entry.share_children is not None and entry.share_children >= 0.8]
    grown = [entry for entry in present if entry.share_children is not None and entry.share_children <= 0.2]
    age_sentence = _age_sentence(young, grown) if young and grown else ""
    source_sentence = ""
    if apart:
        names = ", ".join(entry.label for entry in apart)
        share = "shares no source with another class" if len(apart) == 1 else "share no source with another class"
        source_sentence = f"{names} {share}: telling the sources apart is enough to tell the classes apart."
    findings = [sentence for sentence in (age_sentence, source_sentence) if sentence]
    if single and len(present) > 1:
        whose = "has one source only" if len(single) == 1 else "have one source each"
        findings.append(f"{', '.join(single)} {whose}, so leave-one-source-out is not estimable.")
    return Confounding(
        classes=facts,
        findings=(*findings, *_view_sentences(present)),
        age_sentence=age_sentence,
        source_sentence=source_sentence,
        by_source=_told_by_source(samples, classes),
        by_age=_told_by_age(samples, classes),
    )


def _class_facts(label: str, samples: Sequence[Sample]) -> ClassFacts:
    records = [sample.record for sample in samples]
    ages = [record.age_years for record in records if record.age_years is not None]
    age_groups = Counter(age_group(record) for record in records)
    return ClassFacts(
        label=label,
        num_images=len(samples),
        num_patients=len({sample.group_id for sample in samples}),
        ages_known=len(ages),
        age_median=median(ages) if ages else None,
        age_low=min(ages, default=None),
        age_high=max(ages, default=None),
        children=age_groups["paediatric"],
        adults=age_groups["adult"],
        age_unknown=age_groups[""],
        sources=dict(Counter(record.source for record in records).most_common()),
        views=dict(Counter(record.view.value for record in records).most_common()),
        women=sum(record.sex is Sex.FEMALE for record in records),
        men=sum(record.sex is Sex.MALE for record in records),
    )


def _told_by_source(samples: Sequence[Sample], classes: Sequence[str]) -> dict[str, float]:
    """Return how well a class is told by its share among the images of each source, chance aside."""
    if any(sample.record.source in SOURCES_THAT_TELL_NOTHING for sample in samples):
        return {}
    labels = np.array([sample.label for sample in samples], dtype=np.str_)
    sources = np.array([sample.record.source for sample in samples], dtype=np.str_)
    groups = np.array([sample.group_id for sample in samples], dtype=np.str_)
    members = {label: labels == label for label in classes}
    return {
        label: area_above_chance(sources, own, groups) for label, own in members.items() if own.any() and not own.all()
    }


def _told_by_age(samples: Sequence[Sample], classes: Sequence[str]) -> dict[str, float]:
    """Return how well a class is told by age, among the images whose age is known in years or as a span."""
    spans = [(sample.label, age_span(sample.record)) for sample in samples]
    known = [(label, sum(span) / 2) for label, span in spans if span is not None]
    told = {}
    for label in classes:
        members = np.array([name == label for name, _ in known], dtype=np.bool_)
        if members.any() and not members.all():
            area = auroc(members, [age for _, age in known])
            told[label] = max(area, 1.0 - area)
    return told


def _shares_a_source(entry: ClassFacts, others: Sequence[ClassFacts]) -> bool:
    return any(other is not entry and other.sources.keys() & entry.sources.keys() for other in others)


def _age_sentence(young: Sequence[ClassFacts], grown: Sequence[ClassFacts]) -> str:
    children = ", ".join(f"{entry.label} ({entry.children} of {entry.children + entry.adults})" for entry in young)
    adults = ", ".join(
        f"{entry.label} (median {entry.age_median:.0f} years, {entry.adults} of {entry.children + entry.adults} adults)"
        for entry in grown
        if entry.age_median is not None
    )
    return (
        f"Age separates the classes: children in {children}; adults in {adults}. "
        "A network that only tells a child's chest from an adult's would score highly."
    )


def _view_sentences(present: Sequence[ClassFacts]) -> list[str]:
    shares = {}
    for entry in present:
        known = entry.num_images - entry.views.get(View.UNKNOWN.value, 0)
        if known >= 20:
            bedside = entry.views.get(View.AP.value, 0) + entry.views.get(View.AP_SUPINE.value, 0)
            shares[entry.label] = bedside / known
    if len(shares) < 2 or max(shares.values()) - min(shares.values()) < 0.3:
        return []
    listing = ", ".join(f"{label} {share:.0%}" for label, share in shares.items())
    return [
        f"The share of AP images, which are often taken at the bedside of sicker patients, differs by class: {listing}."
    ]
