"""A dataset's identity, size and make-up, as a report tells them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from covidcxr.core.recipe import Recipe
from covidcxr.core.recipe_toml import stored_recipe
from covidcxr.core.types import SPLITS, Exclusion
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.hospital import SOURCE
from covidcxr.dataset.manifest import DATASET_FILE, count_samples
from covidcxr.dataset.tables import age_span
from covidcxr.evaluation.confounds import ClassFacts, find_confounding

_LABORATORY = re.compile(r"\bPCR\b|\bswab", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DatasetFacts:
    """A dataset's identity and size.

    Attributes:
        name: What to call it.
        kind: Compiled from sources, a tree of class folders, or a hospital's folder.
        digest: Of its content.
        split: Which of its splits was evaluated.
        synthetic: Whether its images are phantoms.
        counts: Split to class to images.
        exclusions: What the compiler left out; empty for a class-folder tree.
        source_versions: Source to release.
        by_split: Split to the facts of its classes.
        labels_are: Class to the verbatim findings of its images, most frequent first.
        stated_ages: Source to what it states of the ages of all its patients.
        tests_mentioned: Class to the images whose notes mention a laboratory test.
        recipe: The recipe it was compiled by; None if it was not, or if this release does not understand it.
    """

    name: str
    kind: Literal["compiled", "class folders", "hospital"]
    digest: str
    split: str
    synthetic: bool
    counts: Mapping[str, Mapping[str, int]]
    exclusions: Sequence[Exclusion] = ()
    source_versions: Mapping[str, str] = field(default_factory=dict)
    by_split: Mapping[str, tuple[ClassFacts, ...]] = field(default_factory=dict)
    labels_are: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stated_ages: Mapping[str, str] = field(default_factory=dict)
    tests_mentioned: Mapping[str, int] = field(default_factory=dict)
    recipe: Recipe | None = None


def dataset_facts(dataset: Dataset, split: str) -> DatasetFacts:
    """Return the identity, size and make-up of ``dataset``, of which ``split`` was evaluated."""
    manifest = dataset.manifest
    splits = [name for name in SPLITS if any(sample.split == name for sample in dataset.samples)]
    findings: dict[str, Counter[str]] = {label: Counter() for label in dataset.classes}
    stated: dict[str, str] = {}
    tested: Counter[str] = Counter()
    for sample in dataset.samples:
        record = sample.record
        findings[sample.label][record.finding or sample.label] += 1
        if record.age_years is None and age_span(record) is not None:
            stated[record.source] = record.age_verbatim
        tested[sample.label] += bool(_LABORATORY.search(record.notes))
    return DatasetFacts(
        name=dataset.name,
        kind="compiled" if dataset.compiled else "hospital" if SOURCE in manifest.source_versions else "class folders",
        digest=dataset.digest,
        split=split,
        synthetic=dataset.synthetic,
        counts=count_samples(dataset.samples, dataset.classes),
        exclusions=manifest.exclusions,
        source_versions=manifest.source_versions,
        by_split={name: find_confounding(dataset.split(name), dataset.classes).classes for name in splits},
        labels_are={label: tuple(words for words, _ in counts.most_common(4)) for label, counts in findings.items()},
        stated_ages=stated,
        tests_mentioned=tested,
        recipe=stored_recipe(dataset.recipe or {}, where=str(dataset.root / DATASET_FILE)),
    )
