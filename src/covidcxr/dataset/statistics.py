"""Counts of a dataset's images by any of the manifest's columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from covidcxr.core.errors import DatasetError
from covidcxr.core.labels import Meaning, class_meaning
from covidcxr.core.types import Sample
from covidcxr.dataset.tables import MANIFEST_COLUMNS, sample_row


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """Images and groups (patients joined with copies) that have these values in the columns asked for."""

    values: tuple[str, ...]
    num_images: int
    num_groups: int


def count_by(samples: Iterable[Sample], columns: Sequence[str]) -> list[Count]:
    """Return the counts for every combination of values that occurs, sorted; an unknown value is an empty text.

    Raises:
        DatasetError: If manifest.csv has no such column.
    """
    for column in columns:
        if column not in MANIFEST_COLUMNS:
            raise DatasetError(f"manifest.csv has no column {column!r}; expected one of {', '.join(MANIFEST_COLUMNS)}")
    members: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for sample in samples:
        row = sample_row(sample)
        members[tuple(row[column] for column in columns)].append(sample.group_id)
    return [
        Count(values=values, num_images=len(groups), num_groups=len(set(groups)))
        for values, groups in sorted(members.items())
    ]


def class_meanings(samples: Sequence[Sample], classes: Sequence[str]) -> dict[str, Meaning]:
    """Return class to what it says: what the patient has, what the image shows, or both, by the labels of its images.

    A sample whose source states no label, as in class folders, is judged by its class, and so is a class without any.
    """
    stated: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        stated[sample.label].add(sample.record.label or sample.label)
    return {label: class_meaning(stated[label] or {label}) for label in classes}
