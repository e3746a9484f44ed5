"""The search for copies of films among the candidates of a dataset, kept so that it is not done twice.

How copies are recognised is known to `covidcxr.curation.duplicates`; what follows from a pair, to `assemble`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from covidcxr.core.digests import file_sha256, json_sha256
from covidcxr.core.progress import Progress
from covidcxr.core.recipe import DatasetRecipe
from covidcxr.core.types import Record, View
from covidcxr.curation import duplicates
from covidcxr.curation.candidates import dataset_label
from covidcxr.curation.duplicates import DuplicatePair, DuplicatePairs, find_duplicates
from covidcxr.curation.image_work import ImageFacts

PAIRS_FILE = "near-duplicates.json"


def searched(records: Sequence[Record], facts: Mapping[str, ImageFacts], recipe: DatasetRecipe) -> list[Record]:
    """Return the records whose images are compared, sorted: readable, of a wanted class, not called lateral or CT."""
    return sorted(
        (
            record
            for record in records
            if dataset_label(record, recipe) is not None
            and not facts[record.record_id].error
            and record.view not in (View.LATERAL, View.CT)
            and record.modality != "CT"
        ),
        key=lambda record: record.record_id,
    )


def find_near_duplicates(
    records: Sequence[Record],
    facts: Mapping[str, ImageFacts],
    pictures: Mapping[str, Path],
    *,
    earlier: Path,
    workers: int,
    progress: Progress,
) -> DuplicatePairs:
    """Return the pairs of copies among ``records``, from the dataset at ``earlier`` where it searched the same images.

    ``pictures`` is record_id to the converted image, or to the source file where that is not at hand.
    """
    ids = [record.record_id for record in records]
    key = search_key(ids, facts)
    known = read_pairs(earlier / PAIRS_FILE, key)
    if known is not None:
        return known
    return find_duplicates([pictures[record_id] for record_id in ids], ids, workers=workers, progress=progress)


def search_key(ids: Sequence[str], facts: Mapping[str, ImageFacts]) -> str:
    """Return a digest of all that decides the result of a search: the images and the code."""
    code = [
        file_sha256(path) for folder in duplicates.__path__ for path in sorted(Path(folder).iterdir()) if path.is_file()
    ]
    return json_sha256({"code": code, "images": [[name, facts[name].image_sha256] for name in ids]})


def write_pairs_file(path: Path, found: DuplicatePairs, key: str) -> None:
    """Write the result of a search for the next compile, and for readers: every pair with its score."""
    document = {"key": key, **asdict(found)}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def read_pairs(path: Path, key: str) -> DuplicatePairs | None:
    """Return the result in ``path`` if it is of the search with this key, else None."""
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if document["key"] != key:
            return None
        return DuplicatePairs(
            pairs=tuple(_pair(values) for values in document["pairs"]),
            similar=tuple(_pair(values) for values in document["similar"]),
            num_images=document["num_images"],
            num_candidates=document["num_candidates"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _pair(values: Mapping[str, Any]) -> DuplicatePair:
    transform = tuple(tuple(row) for row in values["transform"])
    return DuplicatePair(**{**values, "transform": transform})
