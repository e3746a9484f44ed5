"""What differs between two manifests."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from covidcxr.core.types import Manifest
from covidcxr.dataset.tables import sample_row

_COMPARED = ("label", "split", "sha256", "group_id", "patient_id", "view", "sex", "age_years", "licence", "finding")


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One column of one image that has another value."""

    record_id: str
    column: str
    first: str
    second: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How two datasets differ.

    Attributes:
        same: True if they have one digest.
        only_first, only_second: record_ids of images in one of them.
        changed: Columns of common images with other values.
    """

    same: bool
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    changed: tuple[Change, ...]

    def as_document(self) -> dict[str, object]:
        """Return the lists as JSON-able values."""
        return {
            "only_first": list(self.only_first),
            "only_second": list(self.only_second),
            "changed": [asdict(change) for change in self.changed],
        }


def compare(first: Manifest, second: Manifest) -> Difference:
    """Return how ``second`` differs from ``first``, image by image."""
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
    )
