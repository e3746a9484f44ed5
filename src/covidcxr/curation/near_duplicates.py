"""The search for near-duplicates among the candidates of a dataset: whole, or only as far as perceptual hashes lead.

Images are always measured on their source file, so that a pair has one score whatever was compiled before. How copies
are recognised is known to `covidcxr.curation.duplicates`; what follows from a pair, to `assemble` and `copy_report`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from covidcxr.core.digests import json_sha256
from covidcxr.core.progress import Progress
from covidcxr.core.types import Record
from covidcxr.curation.duplicates import (
    Confirmation,
    DuplicatePair,
    DuplicatePairs,
    ImageFeatures,
    compare_candidates,
    compute_features,
    find_duplicates,
    near_hashes,
)
from covidcxr.curation.film_memory import FilmMemory, search_code
from covidcxr.curation.image_work import ImageFacts, one_opencv_thread
from covidcxr.imaging.reading import read_gray8

PAIRS_FILE = "near-duplicates.json"


def searched(records: Sequence[Record], facts: Mapping[str, ImageFacts]) -> list[Record]:
    """Return the records whose images are compared, sorted: readable, and of a class that covidcxr knows.

    Whether the recipe takes them does not matter: a copy that it does not take can still have another label.
    """
    return sorted(
        (record for record in records if record.label is not None and not facts[record.record_id].error),
        key=lambda record: record.record_id,
    )


def find_near_duplicates(
    records: Sequence[Record],
    facts: Mapping[str, ImageFacts],
    *,
    earlier: Path,
    workers: int,
    progress: Progress,
) -> DuplicatePairs:
    """Return the pairs of copies among ``records``, from the dataset at ``earlier`` where it searched the same images.

    Record paths must lead to the source files.
    """
    ids = [record.record_id for record in records]
    known = read_pairs(earlier / PAIRS_FILE, search_key(ids, facts))
    if known is not None:
        return known
    with FilmMemory() as memory, one_opencv_thread():
        films = _Films(records, facts, memory)
        return find_duplicates(films.features, ids, workers=workers, progress=progress, recall=films.compare)


def find_near_hashes(
    records: Sequence[Record],
    facts: Mapping[str, ImageFacts],
    matters: Callable[[str, str], bool],
    *,
    workers: int,
    progress: Progress,
) -> DuplicatePairs:
    """Return the copies among ``records`` that differ in at most five of the 64 bits of their perceptual hashes.

    Only pairs of record_ids that ``matters`` is true for are looked at closely, so that this takes seconds where a
    whole search takes minutes. Mirrored, tilted and much cropped copies are not found.
    """
    ids = [record.record_id for record in records]
    hashes = np.array([int(facts[name].phash, 16) for name in ids], np.uint64)
    near = zip(*(rows.tolist() for rows in near_hashes(hashes)), strict=True)
    pairs = [(first, second) for first, second in near if matters(ids[first], ids[second])]
    rows = sorted({row for pair in pairs for row in pair})
    place = {row: number for number, row in enumerate(rows)}
    with FilmMemory() as memory, one_opencv_thread():
        films = _Films([records[row] for row in rows], facts, memory)
        with ThreadPoolExecutor(workers) as pool:
            features = list(pool.map(films.features, range(len(rows))))
        candidates = [(place[first], place[second], 0, False) for first, second in pairs]
        names = [ids[row] for row in rows]
        found = compare_candidates(
            features, names, candidates, workers=workers, progress=progress, recall=films.compare
        )
    return replace(found, num_images=len(records))


class _Films:
    """Features and comparisons of records by their row, from memory where they are known."""

    def __init__(self, records: Sequence[Record], facts: Mapping[str, ImageFacts], memory: FilmMemory) -> None:
        self._paths = [record.path for record in records]
        self._digests = [facts[record.record_id].sha256 for record in records]
        self._memory = memory

    def features(self, row: int) -> ImageFeatures:
        return self._memory.features(
            self._digests[row], lambda: compute_features(read_gray8(self._paths[row]).as_uint8())
        )

    def compare(self, first: int, second: int, mirrored: bool, compute: Callable[[], Confirmation]) -> Confirmation:
        return self._memory.comparison(self._digests[first], self._digests[second], mirrored=mirrored, compute=compute)


def search_key(ids: Sequence[str], facts: Mapping[str, ImageFacts]) -> str:
    """Return a digest of all that decides the result of a whole search: the images and the code."""
    return json_sha256({"code": search_code(), "images": [[name, facts[name].sha256] for name in ids]})


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
