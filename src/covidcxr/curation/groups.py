"""Which images belong together: one patient, or copies of one film. A group is never divided between splits.

Exact copies are found here. Films that were cropped, scaled or re-exposed are found by
`covidcxr.curation.duplicates` and come in as pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from covidcxr.core.types import Record
from covidcxr.curation.image_work import ImageFacts


class UnionFind:
    """Disjoint sets of names; a set is called by the smallest name in it."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def find(self, name: str) -> str:
        """Return the smallest name of the set that ``name`` is in."""
        root = name
        while (parent := self._parent.get(root, root)) != root:
            root = parent
        while (parent := self._parent.get(name, name)) != root:
            self._parent[name] = root
            name = parent
        return root

    def join(self, first: str, second: str) -> None:
        """Make one set of two."""
        low, high = sorted((self.find(first), self.find(second)))
        if low != high:
            self._parent[high] = low


def find_films(facts: Mapping[str, ImageFacts], pairs: Iterable[tuple[str, str]] = ()) -> dict[str, str]:
    """Return record_id to the film it shows: the smallest record_id among the copies of one film.

    Copies have the same source bytes, the same converted pixels, or are joined by ``pairs`` of record_ids.
    """
    films = UnionFind()
    first_with: dict[str, str] = {}
    for record_id in sorted(facts):
        item = facts[record_id]
        for digest in (item.sha256, item.image_sha256):
            if digest:
                films.join(record_id, first_with.setdefault(digest, record_id))
    for first, second in pairs:
        films.join(first, second)
    return {record_id: films.find(record_id) for record_id in facts}


def find_groups(records: Sequence[Record], films: Mapping[str, str]) -> dict[str, str]:
    """Return record_id to group_id: patients joined with films.

    A group is called by the smallest patient_id in it or, where no patient is known, the smallest record_id.
    """
    sets = UnionFind()
    members: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        sets.join(f"record {record.record_id}", f"record {films.get(record.record_id, record.record_id)}")
        if record.patient_id is not None:
            sets.join(f"record {record.record_id}", f"patient {record.patient_id}")
    for record in records:
        members[sets.find(f"record {record.record_id}")].append(record)
    names: dict[str, str] = {}
    for group in members.values():
        patients = [record.patient_id for record in group if record.patient_id is not None]
        name = min(patients) if patients else min(record.record_id for record in group)
        names.update((record.record_id, name) for record in group)
    return names
