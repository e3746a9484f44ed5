"""Train the network that points at marks drawn over the chest, and store it in the package.

It sees clean images only: marks are drawn on them as it goes. Images that carry real marks, CT slices, and every image
of covid-chestxray-dataset whose patient falls into an odd fold are kept out, for ``python -m benchmarks.drawn_marks``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.record import versions, write_result
from benchmarks.views import labelled_films, squeezed
from covidcxr.shipped.marks.fit import SIZE, store, train_marks_network

NUM_CHILDREN = 1400


def main() -> None:
    """Train and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path)
    parser.add_argument("--cache", type=Path, help=".npy file that keeps the squeezed images")
    parser.add_argument("--steps", type=int, default=600)
    options = parser.parse_args()
    torch.set_num_threads(1)
    films = labelled_films(options.sources)
    pixels = squeezed(films, SIZE, options.cache)
    rng = np.random.default_rng(0)
    clean = []
    children = [row for row, film in enumerate(films) if film.source == "chest-xray-pneumonia"]
    few = set(rng.choice(children, NUM_CHILDREN, replace=False).tolist())
    for row, film in enumerate(films):
        held_out = film.source == "covid-chestxray-dataset" and film.fold % 2 == 1
        if film.marks in {"none", ""} and film.view != "ct" and not held_out and (film.view or row in few):
            clean.append(row)
    start = time.process_time()
    network = train_marks_network(np.stack([pixels[row] for row in clean]), seed=0, steps=options.steps)
    data = store(network)
    write_result(
        "drawn_marks_train",
        {
            "films": len(clean),
            "steps": options.steps,
            "cpu_seconds": round(time.process_time() - start, 1),
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "bytes": len(data),
        },
        versions=versions("torch", "onnx"),
    )


if __name__ == "__main__":
    main()
