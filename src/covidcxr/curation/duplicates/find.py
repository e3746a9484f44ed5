"""Find the copies among many images: features, candidates by words and hashes, confirmation.

The images may be given as files, as pixels, or as features computed earlier (by the worker that converts an image).
Nothing here knows of records, labels or splits; `grouping` joins the pairs with patients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.processors import num_processors
from covidcxr.core.progress import SILENT, Progress
from covidcxr.curation.duplicates.confirm import MIN_SCORE, Confirmation, confirm
from covidcxr.curation.duplicates.features import ImageFeatures, compute_features, mirror_descriptors
from covidcxr.curation.duplicates.hashes import hash_distances, near_hashes
from covidcxr.curation.duplicates.pairs import DuplicatePair, DuplicatePairs
from covidcxr.curation.duplicates.words import WordTable, vote, word_codes
from covidcxr.imaging.reading import read_gray8

ImageLike = Path | NDArray[np.uint8] | NDArray[np.float32] | ImageFeatures
MIN_SIMILAR = 0.85
_BATCH = 1024
Item = TypeVar("Item")
Result = TypeVar("Result")

Candidate = tuple[int, int, int, bool]  # two rows, votes, and whether the first is mirrored
Recall = Callable[[int, int, bool, Callable[[], Confirmation]], Confirmation]
"""Returns what is known of two rows (the first mirrored or not), or has it computed by the last argument."""


def find_duplicates(
    images: Sequence[ImageLike] | Callable[[int], ImageLike],
    ids: Sequence[str],
    *,
    workers: int | None = None,
    progress: Progress = SILENT,
    min_score: float = MIN_SCORE,
    recall: Recall | None = None,
) -> DuplicatePairs:
    """Return the pairs of images that show one image, whatever was done to it.

    Args:
        images: Files, gray pixels (uint8, or float in [0, 1]) or features, in the order of ``ids``; or a function
            that returns one of these for a row number.
        ids: Names of the images; unique.
        workers: Threads; all cores if None.
        progress: Follows reading and comparing.
        min_score: A pair is a copy from this score on (see `DuplicatePair.score`).
        recall: Knows pairs compared earlier; all are compared if None.

    Raises:
        ImageReadError: If a file cannot be read.
        ValueError: If ``ids`` repeat, or their number differs from that of the images.
    """
    if len(set(ids)) != len(ids):
        raise ValueError("ids repeat; expected one name an image")
    if not callable(images) and len(images) != len(ids):
        raise ValueError(f"{len(images)} images and {len(ids)} ids; expected as many of one as of the other")
    fetch = images if callable(images) else images.__getitem__
    with ThreadPoolExecutor(workers or num_processors()) as pool:
        computed = _mapped(pool, lambda row: as_features(fetch(row)), range(len(ids)))
        features = list(progress.track(computed, total=len(ids), label="features"))
    candidates = find_candidates(features)
    return compare_candidates(
        features, ids, candidates, workers=workers, progress=progress, min_score=min_score, recall=recall
    )


def compare_candidates(
    features: Sequence[ImageFeatures],
    ids: Sequence[str],
    candidates: Sequence[Candidate],
    *,
    workers: int | None = None,
    progress: Progress = SILENT,
    min_score: float = MIN_SCORE,
    recall: Recall | None = None,
) -> DuplicatePairs:
    """Return which of the candidate pairs are copies; arguments as `find_duplicates`."""

    def compare(item: Candidate) -> Confirmation:
        first, second, _, mirrored = item

        def compute() -> Confirmation:
            return confirm(features[first], features[second], mirrored=mirrored)

        return recall(first, second, mirrored, compute) if recall else compute()

    with ThreadPoolExecutor(workers or num_processors()) as pool:
        compared = _mapped(pool, compare, candidates)
        seen = list(progress.track(compared, total=len(candidates), label="comparing"))
    return _decide(features, ids, candidates, seen, min_score)


def as_features(image: ImageLike) -> ImageFeatures:
    """Return the features of a file, of pixels, or those that were given.

    Raises:
        ImageReadError: If the file cannot be read.
    """
    if isinstance(image, ImageFeatures):
        return image
    return compute_features(read_gray8(image).as_uint8() if isinstance(image, Path) else image)


def find_candidates(features: Sequence[ImageFeatures]) -> list[Candidate]:
    """Return the pairs worth a close look: many shared words at one angle and scale, or nearly equal hashes.

    Each is (first row, second row, votes, mirrored), sorted; first < second.
    """
    size = len(features)
    if size < 2:
        return []
    table = word_table(features)
    direct, mirror = (np.array([item.hashes[column] for item in features], np.uint64) for column in (0, 1))
    votes: dict[tuple[int, int, bool], int] = {}
    for mirrored in (False, True):
        first, second = near_hashes(direct) if not mirrored else near_hashes(mirror, direct)
        votes |= {(a, b, mirrored): 0 for a, b in zip(first.tolist(), second.tolist(), strict=True)}
        pairs, counts = vote(table, size, mirrored=mirrored)
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            votes[(pair // size, pair % size, mirrored)] = count
    return [(first, second, count, mirrored) for (first, second, mirrored), count in sorted(votes.items())]


def word_table(features: Sequence[ImageFeatures]) -> WordTable:
    """Return the local words of many images."""
    keypoints = np.concatenate([item.keypoints for item in features])
    return WordTable(
        image=np.repeat(np.arange(len(features), dtype=np.int32), [len(item.keypoints) for item in features]),
        codes=np.concatenate([word_codes(item.descriptors) for item in features]),
        mirrored=np.concatenate([word_codes(mirror_descriptors(item.descriptors)) for item in features]),
        angle=keypoints[:, 3],
        octave=np.log2(keypoints[:, 2]),
    )


def _decide(
    features: Sequence[ImageFeatures],
    ids: Sequence[str],
    candidates: Sequence[Candidate],
    seen: Sequence[Confirmation],
    min_score: float,
) -> DuplicatePairs:
    best: dict[tuple[int, int], DuplicatePair] = {}
    for (first, second, votes, mirrored), confirmation in zip(candidates, seen, strict=True):
        if confirmation.transform is None or confirmation.score < min(MIN_SIMILAR, min_score):
            continue
        known = best.get((first, second))
        if known is None or confirmation.score > known.score:
            hashes = features[first].hashes[int(mirrored)], features[second].hashes[0]
            best[first, second] = DuplicatePair(
                id_a=ids[first],
                id_b=ids[second],
                hash_distance=int(hash_distances(*(np.array([value], np.uint64) for value in hashes))[0]),
                num_votes=votes,
                num_inliers=confirmation.num_inliers,
                correlation=confirmation.correlation,
                score=confirmation.score,
                mirrored=mirrored,
                transform=confirmation.transform,
            )
    ordered = sorted(best.values(), key=lambda pair: (-pair.score, pair.id_a, pair.id_b))
    return DuplicatePairs(
        pairs=tuple(pair for pair in ordered if pair.score >= min_score),
        similar=tuple(pair for pair in ordered if pair.score < min_score),
        num_images=len(ids),
        num_candidates=len(candidates),
    )


def _mapped(pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """Yield ``function`` of every item in order, a limited number at a time."""
    for start in range(0, len(items), _BATCH):
        yield from pool.map(function, items[start : start + _BATCH])
