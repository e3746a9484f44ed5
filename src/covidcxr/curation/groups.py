"""Which images belong together: one patient, or duplicates of one image. A group is never divided between splits.

Exact copies are found here. Images that were cropped, scaled or re-exposed are found by
`covidcxr.curation.duplicates` and come in as pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from covidcxr.core.types import Record
from covidcxr.curation.duplicates.grouping import group
from covidcxr.curation.image_work import ImageFacts


def find_films(facts: Mapping[str, ImageFacts], pairs: Iterable[tuple[str, str]] = ()) -> dict[str, str]:
    """Return record_id to the image it shows: the smallest record_id among the duplicates of one image.

    Copies have the same source bytes, the same converted pixels, or are joined by ``pairs`` of record_ids.
    """
    exact: list[tuple[str, str]] = []
    first_with: dict[str, str] = {}
    for record_id in sorted(facts):
        item = facts[record_id]
        exact += [
            (first_with.setdefault(digest, record_id), record_id)
            for digest in (item.sha256, item.image_sha256)
            if digest
        ]
    return group(sorted(facts), [*exact, *pairs])


def find_groups(records: Sequence[Record], films: Mapping[str, str]) -> dict[str, str]:
    """Return record_id to group_id: patients joined with images.

    Images of unknown patients belong together if they are of one study. A group is called by the smallest patient_id
    (or study_id, where no patient is known) in it or, without either, the smallest record_id.
    """
    ordered = sorted(records, key=lambda record: record.record_id)
    ids = [record.record_id for record in ordered]
    return group(
        ids,
        [(name, films.get(name, name)) for name in ids],
        [record.patient_id or record.study_id for record in ordered],
    )
