"""Planted copies of real images, and the copies that the public sources hold already.

Each chosen image gets one copy, edited once or in two ways (36 variants in turn), and all images of all sources are
searched together with the copies. Bars: 98 % of the copies found; at most 1 false pair in 10 million. A pair that is
neither planted nor a consequence of a planted one is listed in results/duplicates_pack.csv with its score and with what
was seen when it was looked at (labels/copies.csv); ``--gallery`` renders them side by side.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from benchmarks.edits import VARIANTS, edit
from benchmarks.films import film_paths
from benchmarks.pairs_page import write_gallery
from benchmarks.record import RESULTS, versions, write_result
from covidcxr.curation.duplicates import DuplicatePairs, ImageFeatures, compute_features, find_duplicates, write_pairs
from covidcxr.imaging.reading import read_gray8

PLANTED = "planted/"
LABELS = Path(__file__).parent / "labels"


def features_of(paths: list[tuple[str, Path]], cache: Path | None) -> list[ImageFeatures]:
    """Return the features of every image, from ``cache`` where it exists."""
    if cache is not None and cache.is_file():
        with cache.open("rb") as stream:
            return [ImageFeatures.from_bytes(stream.read(int.from_bytes(stream.read(4), "little"))) for _ in paths]
    features = [compute_features(read_gray8(path).as_uint8()) for _, path in paths]
    if cache is not None:
        blobs = [item.to_bytes() for item in features]
        cache.write_bytes(b"".join(len(blob).to_bytes(4, "little") + blob for blob in blobs))
    return features


def tell_apart(found: DuplicatePairs, planted: dict[str, str]) -> tuple[set[str], list[tuple[str, str]]]:
    """Return the copies found, and pairs that involve a copy of another image than the one it was made of.

    A pair with a copy counts as right if the two images behind it are one image, or are a pair themselves.
    """
    own = {frozenset(pair) for pair in found.id_pairs()}
    right, other = set(), []
    for first, second in found.id_pairs():
        films = planted.get(first, first), planted.get(second, second)
        if films[0] == films[1]:
            right.add(first if first in planted else second)
        elif films != (first, second) and frozenset(films) not in own:
            other.append((first, second))
    return right, other


def pairs_looked_at() -> dict[tuple[str, str], str]:
    """Return (id_a, id_b) to what a person saw of the pair: ``one film`` or ``two films``."""
    with (LABELS / "copies.csv").open(encoding="utf-8", newline="") as stream:
        return {(row["id_a"], row["id_b"]): row["looked_at"] for row in csv.DictReader(stream)}


def main() -> None:
    """Plant, search, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path)
    parser.add_argument("--per-variant", type=int, default=50)
    parser.add_argument("--cache", type=Path, help="file that keeps the features of the images")
    parser.add_argument("--gallery", type=Path, help="HTML file to render the pairs of the sources to")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    paths = film_paths(options.sources)
    rng = np.random.default_rng(7)
    start = time.process_time()
    features = features_of(paths, options.cache)
    feature_seconds = time.process_time() - start
    chosen = rng.choice(len(paths), options.per_variant * len(VARIANTS), replace=False)
    planted, variants = {}, {}
    for number, row in enumerate(chosen):
        key, path = paths[row]
        variant = VARIANTS[number % len(VARIANTS)]
        features.append(compute_features(edit(read_gray8(path).as_uint8(), variant, rng)))
        planted[PLANTED + key], variants[PLANTED + key] = key, "+".join(variant)
    ids = [key for key, _ in paths] + list(planted)
    start = time.process_time()
    found = find_duplicates(features, ids, workers=1)
    search_seconds = time.process_time() - start
    right, other = tell_apart(found, planted)
    missed = Counter(variants[key] for key in planted if key not in right)
    own = DuplicatePairs(
        pairs=tuple(pair for pair in found if pair.id_b not in planted and pair.id_a not in planted),
        similar=tuple(pair for pair in found.similar if pair.id_b not in planted and pair.id_a not in planted),
        num_images=len(paths),
        num_candidates=found.num_candidates,
    )
    seen = pairs_looked_at()
    write_pairs(RESULTS / "duplicates_pack.csv", own, looked_at=seen)
    if options.gallery:
        files = dict(paths)
        write_gallery(
            options.gallery, own, lambda key: read_gray8(files[key]).as_uint8(), title="Copies in the sources"
        )
    write_result(
        "duplicates_planted",
        {
            "num_films": len(paths),
            "num_copies": len(planted),
            "found": len(right),
            "recall": round(len(right) / len(planted), 5),
            "missed": dict(missed),
            "num_different_pairs": len(ids) * (len(ids) - 1) // 2 - len(planted),
            "false_pairs_with_a_copy": [list(pair) for pair in other],
            "pairs_in_the_sources": len(own),
            "similar_in_the_sources": len(own.similar),
            "pairs_looked_at": dict(Counter(seen.get(pair, "not yet") for pair in own.id_pairs())),
            "similar_looked_at": dict(Counter(seen.get((p.id_a, p.id_b), "not yet") for p in own.similar)),
            "num_candidates": found.num_candidates,
            "feature_milliseconds_a_film": round(1e3 * feature_seconds / len(paths), 2),
            "search_cpu_seconds": round(search_seconds, 1),
        },
        versions=versions("opencv-python-headless", "numpy"),
    )


if __name__ == "__main__":
    main()
