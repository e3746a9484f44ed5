"""Facts about the evaluated data: sources, rules, splits, patients.

They are those of the cohort that the report is about. What a compiled dataset says stands in its own files; of class
folders and a hospital's folder nothing is claimed but what was counted, and that stands in ``report.json``. The data of
the training are described by `model_facts`, from the bundle.
"""

from __future__ import annotations

from collections import Counter

from covidcxr.evaluation.confounds import ClassFacts
from covidcxr.report.checklists.fact import Fact, fact
from covidcxr.report.study import Study

_COUNTED = "report.json: datasets[0]"


def _compiled(study: Study) -> bool:
    return study.main.dataset.kind == "compiled"


def _from(study: Study, compiled: str, counted: str) -> str:
    """Return the citation: a file of the compiled dataset, or the count in report.json."""
    return compiled if _compiled(study) else f"{_COUNTED}.{counted}"


@fact
def data_sources(study: Study) -> Fact:
    """Return where the images come from, with versions."""
    facts = study.main.dataset
    if facts.kind == "hospital":
        return Fact(value="One hospital's own images, read where they lie.", source=f"{_COUNTED}.kind")
    if not _compiled(study):
        return Fact(value="A tree of class folders; where its images come from is not told.", source=f"{_COUNTED}.kind")
    listing = "; ".join(f"{source} (version {version})" for source, version in facts.source_versions.items())
    return Fact(
        value=f"{listing}. Licences and links are with each image.",
        source="dataset.json: source_versions; manifest.csv: licence, url",
    )


@fact
def populations(study: Study) -> Fact | None:
    """Return what the sources state of all their patients; None if none does."""
    stated = study.main.dataset.stated_ages
    if not stated:
        return None
    listing = "; ".join(f"{source}: {words}" for source, words in stated.items())
    return Fact(value=f"Ages as stated: {listing}.", source="manifest.csv: source, age_verbatim")


@fact
def eligibility(study: Study) -> Fact | None:
    """Return the exclusion rules and how many images each left out; None if a compiled dataset does not tell."""
    facts = study.main.dataset
    if not _compiled(study):
        return Fact(
            value="No exclusion rule ran: every file of the folder that can be judged is in.",
            source=f"{_COUNTED}.counts; report.json: cohorts[0].notes",
        )
    if facts.recipe is None:
        return None
    rules = facts.recipe.dataset.rules
    counts = Counter(item.rule for item in facts.exclusions)
    dropped = ", ".join(f"{rule} {number}" for rule, number in counts.most_common()) or "none"
    return Fact(
        value=f"Rules in order: {', '.join(rules) or 'none'}. Left out by rule: {dropped}.",
        source="dataset.json: recipe.dataset.rules, excluded; exclusions.csv: rule, detail",
    )


@fact
def preprocessing(study: Study) -> Fact:
    """Return how a file becomes the network's input."""
    spec = study.info.preprocess
    recipe = study.main.dataset.recipe
    longest = recipe.dataset.longest_side if recipe else None
    stored = f"stored as 8-bit gray JPEG of at most {longest} pixels a side, " if longest else ""
    value = (
        f"Decoded to gray, {stored}region {spec.region}, centre crop {spec.crop:g}, squeezed to "
        f"{spec.size} x {spec.size}, intensity '{spec.intensity}', then (value - {spec.mean:g}) / {spec.std:g}, "
        f"{spec.channels} channel(s)."
    )
    return Fact(value=value, source="bundle.json: preprocess" + ("; dataset.json: conversion" if stored else ""))


@fact
def subsets(study: Study) -> Fact | None:
    """Return which part of the data was taken; None if a compiled dataset does not tell."""
    facts = study.main.dataset
    if not _compiled(study):
        return Fact(value="The whole folder, every image with a label.", source=f"{_COUNTED}.counts")
    if facts.recipe is None:
        return None
    listing = "; ".join(f"{source}: {', '.join(labels)}" for source, labels in facts.recipe.dataset.take.items())
    return Fact(value=f"Labels taken from each source: {listing}.", source="dataset.json: recipe.dataset.take")


@fact
def deidentification(study: Study) -> Fact:
    """Return what of a file and its patient is kept."""
    if _compiled(study):
        value = (
            "The dataset keeps pixels, as JPEG without any header, and the patient numbers that the sources publish."
        )
        return Fact(value=value, source="dataset.json: conversion.jpeg_quality; manifest.csv: patient_id")
    names = "File names stand in predictions.csv as they were given."
    if study.main.dataset.kind == "hospital":
        names = f"Identities of the table and of DICOM headers only joined images of one patient. {names}"
    return Fact(value=names, source="predictions.csv: record_id, group_id")


@fact
def missing_data(study: Study) -> Fact:
    """Return what is unknown, and that it stays so."""
    facts = study.main.confounding.classes
    images = sum(entry.num_images for entry in facts)
    ages = sum(entry.ages_known for entry in facts)
    notes = " ".join(study.main.report.notes)
    value = f"Unknown stays unknown, nothing is imputed. Age is known for {ages} of {images} evaluated images."
    return Fact(
        value=f"{value} {notes}" if notes else value,
        source=f"{_from(study, 'manifest.csv: age_years, patient_id', 'classes')}; report.json: cohorts[0].notes",
    )


@fact
def acquisition(study: Study) -> Fact:
    """Return the projections."""
    views: Counter[str] = Counter()
    for entry in study.main.confounding.classes:
        views.update(entry.views)
    listing = ", ".join(f"{view} {number}" for view, number in views.most_common())
    return Fact(
        value=f"Projections of the evaluated images: {listing}.", source=_from(study, "manifest.csv: view", "classes")
    )


@fact
def reference(study: Study) -> Fact:
    """Return the words behind each class."""
    words = "; ".join(
        f"{label}: {', '.join(repr(word) for word in found)}"
        for label, found in study.main.dataset.labels_are.items()
        if found
    )
    who = "each source publishes, in its words" if _compiled(study) else "the folder or its table gives"
    return Fact(
        value=f"The label that {who}: {words}.", source=_from(study, "manifest.csv: finding, label", "labels_are")
    )


@fact
def tested(study: Study) -> Fact | None:
    """Return for how many images of the target a laboratory test is mentioned; None if for none."""
    number = study.main.dataset.tests_mentioned.get(study.target, 0)
    if not number:
        return None
    total = sum(part[study.target] for part in study.main.dataset.counts.values())
    value = f"The notes of {number:,} of the {total:,} images of {study.target} mention a PCR or a swab."
    return Fact(value=value, source="manifest.csv: notes, label")


@fact
def annotators(study: Study) -> Fact | None:
    """Return whose labels they are; None if nothing tells."""
    if not _compiled(study):
        return None
    sources = Counter(source for entry in study.main.confounding.classes for source in entry.sources)
    return Fact(
        value=f"The sources' own metadata and folders ({', '.join(sources)}); nobody re-read the images here.",
        source="manifest.csv: source, finding",
    )


@fact
def one_reading(study: Study) -> Fact | None:
    """Return that there is one label an image; None if nothing tells."""
    if not _compiled(study):
        return None
    value = "Not measured: the manifest holds the one label that each image's source publishes, and no second reading."
    return Fact(value=value, source="manifest.csv: finding, label")


@fact
def blinding(study: Study) -> Fact | None:
    """Return that the sources do not tell; None if nothing tells."""
    if not _compiled(study):
        return None
    value = "Not known: the manifest holds no word of the sources on what those who labelled the images had seen."
    return Fact(value=value, source="manifest.csv: finding, notes")


@fact
def partition(study: Study) -> Fact | None:
    """Return how images were divided; None if a compiled dataset does not tell."""
    facts = study.main.dataset
    sizes = "; ".join(f"{name} {sum(part.values()):,}" for name, part in facts.counts.items())
    if not _compiled(study):
        return Fact(value=f"As the folders give it: {sizes} images.", source=f"{_COUNTED}.counts")
    if facts.recipe is None:
        return None
    asked = facts.recipe.dataset
    value = f"Strategy '{asked.split.strategy}', seed {asked.seed}: {sizes} images."
    source = "dataset.json: recipe.dataset.split, recipe.dataset.seed, counts"
    if study.main.internal and study.recipe is not None:
        is_test = study.recipe.training.validation == "test"
        words = "the test split itself" if is_test else "carved from the training part by patient"
        value, source = f"{value} Validation part: {words}.", f"{source}; bundle.json: recipe.training.validation"
    return Fact(value=value, source=source)


@fact
def disjoint(study: Study) -> Fact | None:
    """Return what is never in two splits; None if nothing tells."""
    if not _compiled(study):
        if study.main.internal:
            return None
        return Fact(value="No image was divided: all are of one part.", source=f"{_COUNTED}.counts")
    if study.main.dataset.recipe is None:
        return None
    value = (
        "By group: a patient, joined with the duplicates that the recipe groups, is in one split only. Where a source "
        "does not tell the patient, an image is its own group."
    )
    if crossing := study.main.crossing.sentence:
        return Fact(
            value=f"{value} But {crossing[:1].lower()}{crossing[1:]}",
            source="manifest.csv: group_id, split; leaks.json: copies.crossing",
        )
    return Fact(value=value, source="manifest.csv: group_id, split")


@fact
def flow(study: Study) -> Fact:
    """Return images included, left out and evaluated."""
    facts = study.main.dataset
    included = sum(sum(part.values()) for part in facts.counts.values())
    left_out = f", {len(facts.exclusions):,} left out, each with its reason" if _compiled(study) else ""
    report = study.main.report
    value = (
        f"{included:,} images included{left_out}; {report.num_images:,} of {report.num_patients:,} patients evaluated."
    )
    counts = _from(study, "dataset.json: counts, excluded; exclusions.csv: rule", "counts")
    return Fact(value=value, source=f"{counts}; report.json: cohorts[0].num_images, cohorts[0].num_patients")


@fact
def characteristics(study: Study) -> Fact:
    """Return age and sex by split and class."""
    parts = [
        f"{split}: " + "; ".join(_describe(entry) for entry in entries if entry.num_images)
        for split, entries in study.main.dataset.by_split.items()
    ]
    source = _from(study, "manifest.csv: age_years, sex, patient_id, split", "classes")
    return Fact(value=". ".join(parts) + ".", source=source)


@fact
def events(study: Study) -> Fact:
    """Return images by split and class."""
    parts = [
        f"{split}: " + ", ".join(f"{label} {number:,}" for label, number in part.items())
        for split, part in study.main.dataset.counts.items()
    ]
    return Fact(value="; ".join(parts) + ".", source=_from(study, "dataset.json: counts", "counts"))


@fact
def differences(study: Study) -> Fact | None:
    """Return what differs between the classes besides disease; None if nothing was found to."""
    findings = [finding for result in study.results for finding in result.confounding.findings]
    value = " ".join(dict.fromkeys(findings))
    return Fact(value=value, source=f"{_COUNTED}.findings; report.json: datasets") if findings else None


def _describe(entry: ClassFacts) -> str:
    age = (
        "age not stated"
        if entry.age_median is None
        else f"median {entry.age_median:.0f} years ({entry.ages_known} known)"
    )
    return (
        f"{entry.label} {entry.num_images:,} images of {entry.num_patients:,} patients, {age}, {entry.women} "
        f"women, {entry.men} men"
    )
