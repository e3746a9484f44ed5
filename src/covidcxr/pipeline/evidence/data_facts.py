"""Facts about the data: sources, rules, splits, patients."""

from __future__ import annotations

from collections import Counter

from covidcxr.evaluation.confounds import SOURCE_POPULATIONS, ClassFacts
from covidcxr.pipeline.evidence.fact import Fact, fact, of_recipe
from covidcxr.pipeline.study import Study


@fact
def data_sources(study: Study) -> Fact | None:
    """Return where the images come from, with versions; None if no artefact tells."""
    versions = study.main.dataset.source_versions
    if not versions:
        return None
    listing = "; ".join(f"{source} (version {version})" for source, version in versions.items())
    return Fact(
        value=f"{listing}. Licences and links are with each image.",
        source="dataset.json: source_versions; manifest.csv: licence, url",
    )


@fact
def populations(study: Study) -> Fact | None:
    """Return what is known of the sources' patients; None if no artefact tells."""
    sources = dict.fromkeys(source for entry in study.main.confounding.classes for source in entry.sources)
    words = [f"{source}: {SOURCE_POPULATIONS[source]}" for source in sources if source in SOURCE_POPULATIONS]
    listing = "; ".join([f"sources {', '.join(sources)}", *words])
    return Fact(value=f"{listing}.", source="manifest.csv: source") if sources else None


@fact
def eligibility(study: Study) -> Fact | None:
    """Return the exclusion rules and how many images each left out; None if no artefact tells."""
    exclusions = study.main.dataset.exclusions
    rules = of_recipe(study, "dataset", "rules")
    if not exclusions and not rules:
        return None
    counts = Counter(item.rule for item in exclusions)
    dropped = ", ".join(f"{rule} {number}" for rule, number in counts.most_common()) or "none"
    value = f"Rules in order: {', '.join(rules or ()) or 'none'}. Left out by rule: {dropped}."
    return Fact(value=value, source="dataset.json: recipe, excluded; exclusions.csv")


@fact
def preprocessing(study: Study) -> Fact:
    """Return how a file becomes the network's input."""
    spec = study.info.preprocess
    longest = of_recipe(study, "dataset", "longest_side")
    stored = f"stored as 8-bit gray JPEG of at most {longest} pixels a side, " if longest else ""
    value = (
        f"Decoded to gray, {stored}region {spec.region}, centre crop {spec.crop:g}, squeezed to "
        f"{spec.size} x {spec.size}, intensity '{spec.intensity}', then (value - {spec.mean:g}) / {spec.std:g}, "
        f"{spec.channels} channel(s)."
    )
    return Fact(value=value, source="bundle.json: preprocess; dataset.json: conversion")


@fact
def subsets(study: Study) -> Fact | None:
    """Return which labels were taken from which source; None if no artefact tells."""
    take = of_recipe(study, "dataset", "take")
    if not take:
        return None
    listing = "; ".join(f"{source}: {', '.join(labels)}" for source, labels in take.items())
    return Fact(value=f"Labels taken from each source: {listing}.", source="dataset.json: recipe.dataset.take")


@fact
def deidentification(study: Study) -> Fact | None:
    """Return what of a file is kept; None if no artefact tells."""
    if not study.main.dataset.source_versions:
        return None
    value = (
        "Images were published without names by their sources; the dataset keeps pixels only, no header of any file."
    )
    return Fact(value=value, source="dataset.json: conversion")


@fact
def missing_data(study: Study) -> Fact:
    """Return what is unknown, and that it stays so."""
    facts = study.main.confounding.classes
    images = sum(entry.num_images for entry in facts)
    ages = sum(entry.ages_known for entry in facts)
    notes = " ".join(study.main.report.notes)
    value = f"Unknown stays unknown, nothing is imputed. Age is known for {ages} of {images} evaluated images."
    if notes:
        value += f" {notes}"
    return Fact(value=value, source="manifest.csv: age_years, patient_id; report.json: notes")


@fact
def acquisition(study: Study) -> Fact:
    """Return the projections."""
    views: Counter[str] = Counter()
    for entry in study.main.confounding.classes:
        views.update(entry.views)
    listing = ", ".join(f"{view} {number}" for view, number in views.most_common())
    return Fact(value=f"Projections of the evaluated images: {listing}.", source="manifest.csv: view")


@fact
def reference(study: Study) -> Fact:
    """Return the sources' own words behind each class."""
    words = "; ".join(
        f"{label}: {', '.join(repr(word) for word in found)}"
        for label, found in study.main.dataset.labels_are.items()
        if found
    )
    return Fact(
        value=f"The label that each source publishes, in its words: {words}.", source="manifest.csv: finding, label"
    )


@fact
def annotators(study: Study) -> Fact | None:
    """Return whose labels they are; None if no artefact tells."""
    sources = Counter(source for entry in study.main.confounding.classes for source in entry.sources)
    if not sources:
        return None
    return Fact(
        value=f"The sources' own metadata and folders ({', '.join(sources)}); nobody re-read the images here.",
        source="manifest.csv: source, finding",
    )


@fact
def partition(study: Study) -> Fact | None:
    """Return how images were divided; None if no artefact tells."""
    split = of_recipe(study, "dataset", "split")
    counts = study.main.dataset.counts
    sizes = "; ".join(f"{name} {sum(part.values()):,}" for name, part in counts.items())
    if not split:
        return Fact(value=f"As the folders give it: {sizes}.", source="manifest.csv: split")
    validation = of_recipe(study, "training", "validation")
    words = "the test split itself" if validation == "test" else "carved from the training part by patient"
    value = (
        f"Strategy '{split.get('strategy')}', seed {of_recipe(study, 'dataset', 'seed')}: {sizes} images. "
        f"Validation part: {words}."
    )
    return Fact(value=value, source="dataset.json: recipe.dataset.split; bundle.json: recipe.training.validation")


@fact
def disjoint(study: Study) -> Fact | None:
    """Return what is never in two splits; None if no artefact tells."""
    if not of_recipe(study, "dataset", "split"):
        return None
    value = (
        "By group: a patient, joined with the duplicates that were found, is in one split only. Where a source does "
        "not tell the patient, an image is its own group."
    )
    return Fact(value=value, source="manifest.csv: group_id, split")


@fact
def flow(study: Study) -> Fact:
    """Return images included, left out and evaluated."""
    facts = study.main.dataset
    included = sum(sum(part.values()) for part in facts.counts.values())
    value = (
        f"{included:,} images included, {len(facts.exclusions):,} left out, each with its reason; "
        f"{study.main.report.num_images:,} of {study.main.report.num_patients:,} patients evaluated."
    )
    return Fact(value=value, source="dataset.json: counts, excluded; exclusions.csv")


@fact
def characteristics(study: Study) -> Fact:
    """Return age and sex by split and class."""
    parts = [
        f"{split}: " + "; ".join(_describe(entry) for entry in entries if entry.num_images)
        for split, entries in study.main.dataset.by_split.items()
    ]
    return Fact(value=". ".join(parts) + ".", source="manifest.csv: age_years, sex, patient_id, split")


@fact
def events(study: Study) -> Fact:
    """Return images by split and class."""
    parts = [
        f"{split}: " + ", ".join(f"{label} {number:,}" for label, number in part.items())
        for split, part in study.main.dataset.counts.items()
    ]
    return Fact(value="; ".join(parts) + ".", source="dataset.json: counts")


@fact
def differences(study: Study) -> Fact | None:
    """Return what differs between the classes besides disease; None if no artefact tells."""
    findings = [finding for result in study.results for finding in result.confounding.findings]
    return (
        Fact(value=" ".join(dict.fromkeys(findings)), source="manifest.csv: source, age_years, view")
        if findings
        else None
    )


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
