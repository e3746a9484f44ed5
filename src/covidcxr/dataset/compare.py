"""What differs between two datasets: images, their columns, what was left out and why, and the settings."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from covidcxr.core.types import Exclusion, Manifest
from covidcxr.dataset.tables import MANIFEST_COLUMNS, sample_row

# What follows from other columns, and the perceptual hash, whose last bit may differ between processors.
_NOT_COMPARED = frozenset({"record_id", "path", "file_name", "age_group", "phash"})
_COMPARED = tuple(column for column in MANIFEST_COLUMNS if column not in _NOT_COMPARED)
KEPT, ABSENT = "kept", "not there"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One column of one image that has another value."""

    record_id: str
    column: str
    first: str
    second: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Fate:
    """What became of one image that at least one of the datasets left out.

    ``first`` and ``second`` are ``rule: detail``, ``kept``, or ``not there``.
    """

    record_id: str
    first: str
    second: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One setting that has another value, as JSON."""

    name: str
    first: str
    second: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How two datasets differ.

    Attributes:
        same: True if they have one digest.
        only_first, only_second: record_ids of images in one of them.
        changed: Columns of common images with other values.
        exclusions: Images that one left out and the other did not, or for another reason.
        settings: Classes, seed, versions of the sources and keys of the recipe's dataset with other values.
    """

    same: bool
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    changed: tuple[Change, ...]
    exclusions: tuple[Fate, ...]
    settings: tuple[Setting, ...]

    def as_document(self) -> dict[str, object]:
        """Return the lists as JSON-able values."""
        return {
            "only_first": list(self.only_first),
            "only_second": list(self.only_second),
            "changed": [asdict(change) for change in self.changed],
            "exclusions": [asdict(fate) for fate in self.exclusions],
            "settings": [asdict(setting) for setting in self.settings],
        }


def compare(
    first: Manifest,
    second: Manifest,
    *,
    first_recipe: Mapping[str, Any] | None = None,
    second_recipe: Mapping[str, Any] | None = None,
) -> Difference:
    """Return how ``second`` differs from ``first``; recipes are the resolved ones, None where there is none."""
    before = {sample.record.record_id: sample_row(sample) for sample in first.samples}
    after = {sample.record.record_id: sample_row(sample) for sample in second.samples}
    changed = [
        Change(record_id=record_id, column=column, first=before[record_id][column], second=after[record_id][column])
        for record_id in sorted(before.keys() & after.keys())
        for column in _COMPARED
        if before[record_id][column] != after[record_id][column]
    ]
    return Difference(
        same=first.digest == second.digest,
        only_first=tuple(sorted(before.keys() - after.keys())),
        only_second=tuple(sorted(after.keys() - before.keys())),
        changed=tuple(changed),
        exclusions=_fates(first, second),
        settings=_changed_settings(_settings(first, first_recipe), _settings(second, second_recipe)),
    )


def _fates(first: Manifest, second: Manifest) -> tuple[Fate, ...]:
    fates = []
    left_out = [_reasons(manifest.exclusions) for manifest in (first, second)]
    kept = [{sample.record.record_id for sample in manifest.samples} for manifest in (first, second)]
    for record_id in sorted(left_out[0].keys() | left_out[1].keys()):
        before, after = (
            reasons.get(record_id, KEPT if record_id in samples else ABSENT)
            for reasons, samples in zip(left_out, kept, strict=True)
        )
        if before != after:
            fates.append(Fate(record_id=record_id, first=before, second=after))
    return tuple(fates)


def _reasons(exclusions: Iterable[Exclusion]) -> dict[str, str]:
    reasons: dict[str, list[str]] = defaultdict(list)
    for item in exclusions:
        reasons[item.record_id].append(f"{item.rule}: {item.detail}")
    return {record_id: "; ".join(sorted(texts)) for record_id, texts in reasons.items()}


def _settings(manifest: Manifest, recipe: Mapping[str, Any] | None) -> dict[str, Any]:
    asked = (recipe or {}).get("dataset", {})
    return {
        **{f"dataset.{key}": value for key, value in asked.items()},
        "dataset.classes": list(manifest.classes),
        "dataset.seed": manifest.seed,
        **{f"version of {source}": version for source, version in manifest.source_versions.items()},
    }


def _changed_settings(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[Setting, ...]:
    found = []
    for name in sorted(first.keys() | second.keys()):
        before, after = (
            json.dumps(settings[name], sort_keys=True) if name in settings else ABSENT for settings in (first, second)
        )
        if before != after:
            found.append(Setting(name=name, first=before, second=after))
    return tuple(found)
