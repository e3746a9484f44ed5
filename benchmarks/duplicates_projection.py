"""Fit the directions that turn SIFT descriptors into local words, on the public sources, and store them in the package.

``python -m benchmarks.duplicates_projection --sources DIR`` writes
``src/covidcxr/curation/duplicates/projection.safetensors``. The 32 principal directions of RootSIFT descriptors, each
scaled by the root of its deviation, are turned at random once for each table; thresholds are medians.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from benchmarks.films import film_paths
from covidcxr.curation.duplicates.features import compute_features
from covidcxr.curation.duplicates.words import NUM_TABLES, root_descriptors
from covidcxr.imaging.reading import read_gray8

TARGET = Path(__file__).parent.parent / "src/covidcxr/curation/duplicates/projection.safetensors"
BITS = 32


def main() -> None:
    """Fit and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path)
    parser.add_argument("--films", type=int, default=2000)
    options = parser.parse_args()
    rng = np.random.default_rng(2020)
    paths = film_paths(options.sources)
    chosen = [paths[row] for row in rng.choice(len(paths), min(options.films, len(paths)), replace=False)]
    looks = np.concatenate([compute_features(read_gray8(path).as_uint8()).descriptors[:20] for _, path in chosen])
    values = root_descriptors(looks)
    centre = values.mean(axis=0)
    _, _, components = np.linalg.svd(values - centre, full_matrices=False)
    principal = components[:BITS].T
    principal /= np.sqrt(((values - centre) @ principal).std(axis=0))
    turns = [np.linalg.qr(rng.normal(size=(BITS, BITS)))[0] for _ in range(NUM_TABLES)]
    directions = np.hstack([principal @ turn for turn in turns]).astype(np.float32)
    thresholds = np.median(values @ directions, axis=0).astype(np.float32)
    save_file({"directions": directions, "thresholds": thresholds}, TARGET)
    print(f"{TARGET}: fitted on {len(looks)} descriptors of {len(chosen)} images")


if __name__ == "__main__":
    main()
