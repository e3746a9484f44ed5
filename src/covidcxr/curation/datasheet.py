"""DATASHEET.md: what a dataset is, where it comes from, what is wrong with it, and how to make it again.

The headings follow T. Gebru et al., Datasheets for Datasets, Communications of the ACM 64(12), 2021.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from covidcxr.core.labels import MEANINGS
from covidcxr.core.notice import NOTICE, SYNTHETIC_NOTICE
from covidcxr.core.outside_text import visible, without_html
from covidcxr.core.recipe import Recipe
from covidcxr.core.types import Manifest, Sample
from covidcxr.curation.assemble import BALANCE_PREFIX, CROSSES_SPLIT, Assembly
from covidcxr.curation.copy_report import CopyReport
from covidcxr.curation.leaks import LeakReport
from covidcxr.curation.rules import RULES
from covidcxr.dataset.manifest import count_exclusions, count_samples
from covidcxr.dataset.statistics import class_meanings
from covidcxr.dataset.tables import age_group
from covidcxr.sources.source import SourceInfo, SourceListing

_PROBLEM_RULES = {
    "no-file": "A row of the metadata whose file is not there.",
    "no-metadata": "A file that no row of the metadata names.",
    "same-file": "A second row of the metadata for one file.",
    "outside-folder": "A row that claims a file outside its source's folder; refused.",
    "link-outside": "A symbolic link that leads out of its source's folder; refused.",
    "mask": "An outline of lungs beside the images, no radiograph.",
    CROSSES_SPLIT: "The patient or image is also in a test part that is kept as published.",
}


def write_datasheet(
    assembly: Assembly,
    recipe: Recipe,
    infos: Mapping[str, SourceInfo],
    listings: Mapping[str, SourceListing],
    leaks: LeakReport,
) -> str:
    """Return the Markdown text."""
    manifest = assembly.manifest
    sections = [
        _heading(manifest, recipe),
        _composition(manifest),
        _sources(manifest, infos, listings),
        _candidates(assembly),
        _exclusions(manifest),
        _splits(recipe, assembly, leaks.copies),
        _known_problems(manifest, listings, (*leaks.sentences, *assembly.doubts)),
        _rebuild(manifest, recipe),
    ]
    return without_html("\n".join(sections))


def confounding_sentences(manifest: Manifest) -> list[str]:
    """Return plain sentences on how classes differ in source and age, from the manifest alone."""
    sources: dict[str, Counter[str]] = defaultdict(Counter)
    ages: dict[str, list[float]] = defaultdict(list)
    for sample in manifest.samples:
        sources[sample.label][sample.record.source] += 1
        if sample.record.age_years is not None:
            ages[sample.label].append(sample.record.age_years)
    sentences = []
    for label in manifest.classes:
        names = sorted(sources[label])
        others = {name for other in manifest.classes if other != label for name in sources[other]}
        if names and not others & set(names):
            sentences.append(f"No source of {label} ({', '.join(names)}) has any other class: source alone tells it.")
    for label in manifest.classes:
        known, total = len(ages[label]), sources[label].total()
        middle = f", median {statistics.median(ages[label]):g} years" if known else ""
        sentences.append(f"{label}: age known for {known} of {total} images{middle}.")
    return sentences


def missing_sentences(listings: Mapping[str, SourceListing]) -> list[str]:
    """Return plain sentences on what a source's metadata names and is not there, or states and is not understood."""
    sentences = []
    for name, listing in sorted(listings.items()):
        missing = sum(problem.rule == "no-file" for problem in listing.problems)
        if missing:
            sentences.append(f"{name}: {missing} of the {listing.num_rows} images its metadata names are not at hand.")
        sentences += [f"{name}: {note}" for note in listing.notes]
    return sentences


def _heading(manifest: Manifest, recipe: Recipe) -> str:
    banner = [f"> **{SYNTHETIC_NOTICE}**", ""] if manifest.synthetic else []
    notes = [f"- {visible(note)}" for note in recipe.notes]
    purpose = f"Compiled by covidcxr from the recipe `{recipe.name}` ({visible(recipe.title)})."
    cite = [f"The recipe follows {visible(recipe.citation)}.", ""] if recipe.citation else []
    lines = [*banner, f"# Datasheet: {recipe.name}", "", f"**{NOTICE}**", "", purpose, *cite, *notes]
    return _block(*lines, "", f"Digest `{manifest.digest}`, seed {manifest.seed}.")


def _composition(manifest: Manifest) -> str:
    counts = count_samples(manifest.samples, manifest.classes)
    rows = [
        (split, *(counts[split][label] for label in manifest.classes), sum(counts[split].values())) for split in counts
    ]
    totals = [sum(counts[split][label] for split in counts) for label in manifest.classes]
    rows.append(("all", *totals, len(manifest.samples)))
    groups = [
        (label, _num_groups(manifest.samples, label), *_who(manifest.samples, label)) for label in manifest.classes
    ]
    meanings = class_meanings(manifest.samples, manifest.classes)
    who = _table(("class", "patients or images", "female", "male", "adults", "children", "views"), groups)
    return _block(
        *("## What is in it", ""),
        "Every image is an 8-bit gray JPEG, scaled down (never up), aspect ratio kept, with one row in `manifest.csv`.",
        *("", _table(("split", *manifest.classes, "sum"), rows), "", who),
        *("", "Unknown sex and age are not counted; an unknown age is not guessed.", ""),
        *(f"- {label} says {MEANINGS[meaning]}." for label, meaning in meanings.items()),
    )


def _sources(manifest: Manifest, infos: Mapping[str, SourceInfo], listings: Mapping[str, SourceListing]) -> str:
    kept = Counter(sample.record.source for sample in manifest.samples)
    rows = [
        (info.title, listings[name].version, listings[name].num_files, kept[name], info.licence)
        for name, info in sorted(infos.items())
    ]
    licences = Counter((sample.record.source, sample.record.licence or "not stated") for sample in manifest.samples)
    per_image = [(source, licence, number) for (source, licence), number in sorted(licences.items())]
    citations = [f"- {info.citation} <{info.homepage}>" for _, info in sorted(infos.items())]
    return _block(
        *("## Where it comes from", ""),
        _table(("source", "version", "files", "images kept", "licence, as stated"), rows),
        *("", "Licence of each image, as its source states it:", ""),
        _table(("source", "licence", "images"), per_image),
        *("", "Please cite:", "", *citations),
    )


def _candidates(assembly: Assembly) -> str:
    rows = [(*key, number) for key, number in assembly.frontal.items()]
    return _block(
        *("## Frontal candidates", ""),
        "Images of a wanted class that their metadata does not call lateral or CT, before any other rule.",
        *("", _table(("source", "published split", "class", "images"), rows)),
    )


def _exclusions(manifest: Manifest) -> str:
    rows = [(rule, number, _describe(rule)) for rule, number in count_exclusions(manifest.exclusions).items()]
    return _block(
        *("## What was left out", ""),
        "One row each in `exclusions.csv`, with what the rule saw; nothing else was dropped.",
        *("", _table(("rule", "images", "why"), rows)),
    )


def _describe(rule: str) -> str:
    if rule in RULES:
        return RULES.get(rule).description
    if rule.startswith(BALANCE_PREFIX):
        return "Not drawn, so that classes or patients weigh alike."
    return _PROBLEM_RULES.get(rule, "")


def _splits(recipe: Recipe, assembly: Assembly, copies: CopyReport) -> str:
    balance = ", ".join(item.strategy for item in recipe.dataset.balance) or "none"
    return _block(
        *("## How it is divided", ""),
        f"Split strategy `{recipe.dataset.split.strategy}`; balancing: {balance}. {copies.disjoint()}",
        *(f"- {note}" for note in (*assembly.notes, copies.coverage())),
    )


def _known_problems(manifest: Manifest, listings: Mapping[str, SourceListing], findings: Sequence[str]) -> str:
    sentences = [*missing_sentences(listings), *confounding_sentences(manifest), *findings]
    return _block(
        *("## What is known to be wrong with it", ""),
        "A network can score high on these images without looking at the lungs.",
        *("", *(f"- {sentence}" for sentence in sentences)),
    )


def _rebuild(manifest: Manifest, recipe: Recipe) -> str:
    return _block(
        *("## How to make it again, and check it", "", "```"),
        "covidcxr sources fetch",
        f"covidcxr compile {recipe.name} --out DATASET",
        "covidcxr dataset verify DATASET",
        *("```", "", f"The same sources give the digest `{manifest.digest}` on any machine."),
        "The resolved recipe is in `dataset.json`.",
    )


def _num_groups(samples: Iterable[Sample], label: str) -> int:
    return len({sample.group_id for sample in samples if sample.label == label})


def _who(samples: Iterable[Sample], label: str) -> tuple[int, int, int, int, str]:
    chosen = [sample.record for sample in samples if sample.label == label]
    sexes = Counter(record.sex.value for record in chosen if record.sex is not None)
    ages = Counter(age_group(record) for record in chosen)
    views = Counter(record.view.value for record in chosen)
    listing = ", ".join(f"{view} {number}" for view, number in sorted(views.items()))
    return sexes["F"], sexes["M"], ages["adult"], ages["paediatric"], listing


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(visible(str(value)).replace("|", "/") for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _block(*lines: str) -> str:
    return "\n".join(lines) + "\n"
