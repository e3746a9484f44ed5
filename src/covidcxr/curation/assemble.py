"""From records and image facts to a manifest: groups, rules, split, balance. No file is touched here."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from covidcxr.core.digests import bytes_sha256
from covidcxr.core.errors import EmptyDatasetError
from covidcxr.core.recipe import DatasetRecipe
from covidcxr.core.types import Exclusion, Manifest, Record, Sample, Split, View
from covidcxr.curation.balances import BALANCES, Placed
from covidcxr.curation.candidates import Candidate, dataset_label, merged_label
from covidcxr.curation.groups import find_films, find_groups
from covidcxr.curation.image_work import ImageFacts
from covidcxr.curation.rules import RULES
from covidcxr.curation.splits import SPLIT_STRATEGIES, check_disjoint
from covidcxr.dataset.manifest import make_manifest
from covidcxr.imaging.doubts import doubt_sentences

ALWAYS = ("undecodable", "not-taken", "licence")
CROSSES_SPLIT = "crosses-split"
BALANCE_PREFIX = "balance-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Assembly:
    """A manifest, and what a reader of it should know.

    Attributes:
        manifest: Samples and exclusions.
        recipe: What was asked for.
        candidates: Every candidate by record_id, kept or not.
        frontal: Source, published split and class of the frontal candidates, before any other rule, with their number.
        notes: Plain sentences from the split.
        doubts: Plain sentences on images whose gray values the reader doubted.
    """

    manifest: Manifest
    recipe: DatasetRecipe
    candidates: Mapping[str, Candidate]
    frontal: Mapping[tuple[str, str, str], int]
    notes: tuple[str, ...]
    doubts: tuple[str, ...] = ()


def rule_names(recipe: DatasetRecipe) -> tuple[str, ...]:
    """Return the rules that a recipe applies, in order; those that must always apply come last if it names them not."""
    return (*recipe.rules, *(name for name in ALWAYS if name not in recipe.rules))


def needed_scores(recipe: DatasetRecipe) -> tuple[str, ...]:
    """Return the scores of the picture that the recipe's rules look at, sorted."""
    return tuple(sorted({score for name in rule_names(recipe) for score in RULES.get(name).needs}))


def assemble(
    records: Sequence[Record],
    facts: Mapping[str, ImageFacts],
    problems: Iterable[Exclusion],
    recipe: DatasetRecipe,
    *,
    source_versions: Mapping[str, str],
    synthetic: bool,
    pairs: Iterable[tuple[str, str]] = (),
) -> Assembly:
    """Return the manifest that ``recipe`` makes of ``records``.

    ``pairs`` are record_ids of near-duplicate images. Record paths are relative to the folder of their source.

    Raises:
        EmptyDatasetError: If nothing is left, or nothing of a class.
        SplitError: If a group came into two splits.
        RegistryError: If the recipe names an unknown rule or strategy.
    """
    films = find_films(facts, pairs)
    groups = find_groups(records, films)
    copies = _copies(records, facts, films, recipe)
    everyone = {
        record.record_id: Candidate(
            record=record,
            facts=facts[record.record_id],
            label=dataset_label(record, recipe),
            film=films[record.record_id],
            group_id=groups[record.record_id],
            copies=copies.get(films[record.record_id], ()),
        )
        for record in sorted(records, key=lambda item: item.record_id)
    }
    reasons: dict[str, tuple[str, str]] = {}
    kept = _apply_rules(everyone, recipe, reasons)
    placed, notes = _divide(kept, recipe, reasons)
    samples = _samples(placed)
    check_disjoint(samples)
    left_out = [*problems, *(_exclusion(everyone[record_id], *reason) for record_id, reason in reasons.items())]
    _check_not_empty(samples, everyone, recipe.classes, left_out)
    manifest = make_manifest(
        samples,
        left_out,
        classes=recipe.classes,
        seed=recipe.seed,
        source_versions=source_versions,
        synthetic=synthetic,
        conversion=conversion(recipe),
        measured_rules=[name for name in rule_names(recipe) if RULES.get(name).needs],
    )
    return Assembly(
        manifest=manifest,
        recipe=recipe,
        candidates=everyone,
        frontal=_frontal(everyone.values()),
        notes=(*_missing_in_splits(samples, recipe.classes), *notes),
        doubts=doubt_sentences(facts[sample.record.record_id].warnings for sample in samples),
    )


def conversion(recipe: DatasetRecipe) -> dict[str, int]:
    """Return the settings that decide the pixels of the dataset's images."""
    return {"longest_side": recipe.longest_side, "jpeg_quality": recipe.jpeg_quality}


def _copies(
    records: Iterable[Record], facts: Mapping[str, ImageFacts], films: Mapping[str, str], recipe: DatasetRecipe
) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return image to record_id and class of its readable images, for images of more than one."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for record in records:
        label = merged_label(record, recipe)
        if label is not None and not facts[record.record_id].error:
            found[films[record.record_id]].append((record.record_id, label))
    return {film: tuple(sorted(copies)) for film, copies in found.items() if len(copies) > 1}


def _apply_rules(
    everyone: Mapping[str, Candidate], recipe: DatasetRecipe, reasons: dict[str, tuple[str, str]]
) -> list[Candidate]:
    kept = list(everyone.values())
    for name in rule_names(recipe):
        judged = RULES.get(name)(recipe).judge(kept)
        reasons.update((record_id, (name, detail)) for record_id, detail in judged.items())
        kept = [candidate for candidate in kept if candidate.record_id not in judged]
    return kept


def _divide(
    kept: Sequence[Candidate], recipe: DatasetRecipe, reasons: dict[str, tuple[str, str]]
) -> tuple[list[Placed], tuple[str, ...]]:
    if not kept:
        return [], ()
    generator = np.random.default_rng(recipe.seed)
    plan = SPLIT_STRATEGIES.get(recipe.split.strategy)(kept, recipe.split, generator)
    reasons.update((record_id, (CROSSES_SPLIT, detail)) for record_id, detail in plan.left_out.items())
    placed = [
        Placed(candidate=item, split=plan.splits[item.record_id]) for item in kept if item.record_id in plan.splits
    ]
    for balance in recipe.balance:
        judged = BALANCES.get(balance.strategy)(placed, balance, generator)
        reasons.update((record_id, (BALANCE_PREFIX + balance.strategy, why)) for record_id, why in judged.items())
        placed = [item for item in placed if item.candidate.record_id not in judged]
    return placed, plan.notes


def _check_not_empty(
    samples: Sequence[Sample],
    everyone: Mapping[str, Candidate],
    classes: Sequence[str],
    left_out: Sequence[Exclusion],
) -> None:
    labels = {sample.label for sample in samples}
    empty = next((label for label in classes if label not in labels), None)
    if empty is None:
        return
    whose = f" of class {empty!r}" if labels else ""
    members = {record_id for record_id, item in everyone.items() if not labels or item.label == empty}
    found = [item for item in left_out if not members or item.record_id in members]
    unreadable = bool(found) and all(item.rule == "undecodable" for item in found)
    advice = "get the files again" if unreadable else "check dataset.take and dataset.rules"
    raise EmptyDatasetError(
        f"no image{whose} is left of {len(members)} (left out: {_by_reason(found)}); {advice}", left_out=left_out
    )


def _by_reason(left_out: Iterable[Exclusion]) -> str:
    """Return the rules with their numbers; of unreadable files, the reader's reasons with theirs."""
    rules: dict[str, Counter[str]] = defaultdict(Counter)
    for item in left_out:
        rules[item.rule][item.detail.partition(":")[0] if item.rule == "undecodable" else ""] += 1
    numbers = [f"{rule} {counts.total()}{_in_brackets(counts)}" for rule, counts in sorted(rules.items())]
    return ", ".join(numbers) or "none"


def _in_brackets(counts: Counter[str]) -> str:
    words = ", ".join(f"{reason} {number}" for reason, number in counts.most_common() if reason)
    return f" ({words})" if words else ""


def _missing_in_splits(samples: Sequence[Sample], classes: Sequence[str]) -> list[str]:
    """Return a warning for each of train and test that has no image, or none of a class."""
    notes = []
    for split, use in (("train", "trained"), ("test", "tested")):
        labels = {sample.label for sample in samples if sample.split == split}
        missing = [label for label in classes if label not in labels]
        if not labels:
            notes.append(f"WARNING: no image is in {split}: nothing can be {use} on this dataset alone.")
        elif missing:
            notes.append(f"WARNING: {split} has no image of {', '.join(missing)}.")
    return notes


def _samples(placed: Sequence[Placed]) -> list[Sample]:
    names = image_names([item.candidate.record for item in placed])
    return [_sample(item.candidate, item.split, names[item.candidate.record_id]) for item in placed]


def _sample(candidate: Candidate, split: Split, name: str) -> Sample:
    facts, label = candidate.facts, candidate.label or ""
    return Sample(
        record=candidate.record,
        label=label,
        split=split,
        image=f"images/{split}/{label}/{name}",
        sha256=facts.sha256,
        phash=facts.phash,
        rows=facts.rows,
        columns=facts.columns,
        bits_stored=facts.bits_stored,
        group_id=candidate.group_id,
    )


def image_names(records: Iterable[Record]) -> dict[str, str]:
    """Return record_id to a file name ``source__key.jpg`` that every file system takes, unique whatever its case."""
    plain = {record.record_id: _plain_name(record) for record in records}
    seen = Counter(name.casefold() for name in plain.values())
    return {
        record_id: f"{name}.jpg" if seen[name.casefold()] == 1 else f"{name}-{bytes_sha256(record_id.encode())[:8]}.jpg"
        for record_id, name in plain.items()
    }


def _plain_name(record: Record) -> str:
    key = record.record_id.removeprefix(f"{record.source}:")
    stem = PurePosixPath(key).with_suffix("").as_posix() if PurePosixPath(key).suffix else key
    safe = re.sub(r"[^A-Za-z0-9._@-]+", "-", stem)
    return f"{record.source}__{safe[:150]}"


def _exclusion(candidate: Candidate, rule: str, detail: str) -> Exclusion:
    record = candidate.record
    return Exclusion(
        record_id=record.record_id,
        source=record.source,
        path=record.path.as_posix(),
        rule=rule,
        detail=detail,
        group_id=candidate.group_id,
    )


def _frontal(candidates: Iterable[Candidate]) -> dict[tuple[str, str, str], int]:
    counts: Counter[tuple[str, str, str]] = Counter()
    for candidate in candidates:
        record = candidate.record
        if candidate.label is not None and record.view not in (View.LATERAL, View.CT) and record.modality != "CT":
            counts[record.source, record.split or "", candidate.label] += 1
    return dict(sorted(counts.items()))
