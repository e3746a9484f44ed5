"""What else differs between the classes of a dataset: age, sex, view and source, counted from its manifest.

A class that comes from one source, or one age group, can be recognised by that alone. Nothing here knows a recipe's
name; only the samples speak. What a network makes of it is measured elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from covidcxr.core.types import Sample, Sex, View

ADULT_YEARS = 18.0

# What a source's publication says of all its patients, where its metadata does not say it of each.
SOURCE_POPULATIONS: Mapping[str, str] = {
    "chest-xray-pneumonia": "children of 1 to 5 years, one hospital in Guangzhou (Kermany 2018)",
}
_PAEDIATRIC_SOURCES = frozenset({"chest-xray-pneumonia"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassFacts:
    """One class of a dataset, as its manifest describes it.

    Attributes:
        label: The class.
        num_images, num_patients: Its size; groups stand for patients.
        ages_known: Images with an age.
        age_median, age_low, age_high: Of those, in years; None without any.
        children, adults, age_unknown: Images of patients under 18, of others, and of neither by metadata or source.
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
        single_source: Classes that come from one source, for which leave-one-source-out is not estimable.
        disjoint_sources: Whether some class shares no source with any other class.
        ages_apart: Whether one class is mostly children and another mostly adults.
    """

    classes: tuple[ClassFacts, ...]
    findings: tuple[str, ...]
    single_source: tuple[str, ...]
    disjoint_sources: bool
    ages_apart: bool


def find_confounding(samples: Sequence[Sample], classes: Sequence[str]) -> Confounding:
    """Count age, source, sex and view by class, and say which of them could stand in for the disease."""
    facts = tuple(_class_facts(label, [sample for sample in samples if sample.label == label]) for label in classes)
    present = [entry for entry in facts if entry.num_images]
    single = tuple(entry.label for entry in present if len(entry.sources) == 1)
    apart = [entry for entry in present if not _shares_a_source(entry, present)] if len(present) > 1 else []
    young = [entry for entry in present if entry.share_children is not None and entry.share_children >= 0.8]
    grown = [entry for entry in present if entry.share_children is not None and entry.share_children <= 0.2]
    findings = []
    if young and grown:
        findings.append(_age_sentence(young, grown))
    if apart:
        names = ", ".join(entry.label for entry in apart)
        share = "shares no source with another class" if len(apart) == 1 else "share no source with another class"
        findings.append(f"{names} {share}: telling the sources apart is enough to tell the classes apart.")
    if single and len(present) > 1:
        whose = "has one source only" if len(single) == 1 else "have one source each"
        findings.append(f"{', '.join(single)} {whose}, so leave-one-source-out is not estimable.")
    findings += _view_sentences(present)
    return Confounding(
        classes=facts,
        findings=tuple(findings),
        single_source=single,
        disjoint_sources=bool(apart),
        ages_apart=bool(young and grown),
    )


def _class_facts(label: str, samples: Sequence[Sample]) -> ClassFacts:
    records = [sample.record for sample in samples]
    ages = [record.age_years for record in records if record.age_years is not None]
    by_source = sum(record.age_years is None and record.source in _PAEDIATRIC_SOURCES for record in records)
    return ClassFacts(
        label=label,
        num_images=len(samples),
        num_patients=len({sample.group_id for sample in samples}),
        ages_known=len(ages),
        age_median=median(ages) if ages else None,
        age_low=min(ages, default=None),
        age_high=max(ages, default=None),
        children=sum(age < ADULT_YEARS for age in ages) + by_source,
        adults=sum(age >= ADULT_YEARS for age in ages),
        age_unknown=len(records) - len(ages) - by_source,
        sources=dict(Counter(record.source for record in records).most_common()),
        views=dict(Counter(record.view.value for record in records).most_common()),
        women=sum(record.sex is Sex.FEMALE for record in records),
        men=sum(record.sex is Sex.MALE for record in records),
    )


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
        f"The share of AP films, which are often taken at the bedside of sicker patients, differs by class: {listing}."
    ]
