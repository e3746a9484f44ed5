"""How long heat maps take for the small networks: one overlay once loaded, and 724 images (tiled from fewer).

As `covidcxr explain` makes them: reading, gate, lungs, Grad-CAM, overlay, row. Weights are random, because they do not
change the time. Bars: 0.5 s an overlay, 120 s for 724 images on two cores. Processor time is beside wall time, because
other work on the machine does not lengthen it; with one thread it bounds the wall time of a free machine.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.record import write_result
from covidcxr.core.types import PreprocessSpec
from covidcxr.explain.batch import Wanted, explain_files
from covidcxr.explain.explainer import Explainer
from covidcxr.imaging.overlays import encode_png
from covidcxr.models.build import build_network
from covidcxr.sources.lookup import locate_sources, read_source
from covidcxr.sources.phantom_films import draw_film

NETWORKS = {  # as their recipes have them
    "efficientnet-lite0": PreprocessSpec(size=128),
    "haghanifar2020": PreprocessSpec(size=400),
    "zhong2020": PreprocessSpec(size=80, channels=3),
}
CLASSES = ("COVID-19", "Normal", "Pneumonia")
FILMS = 724
_ALONE = 9


def film_files(sources: Path | None, count: int, folder: Path) -> list[Path]:
    """Return ``count`` images of covid-chestxray-dataset, or as many phantoms written to ``folder``."""
    generator = np.random.default_rng(0)
    if sources is not None:
        name = "covid-chestxray-dataset"
        assert name in locate_sources(sources)
        records = [record for record in read_source(name, sources).records if record.path.is_file()]
        return [records[index].path for index in generator.permutation(len(records))[:count]]
    paths = [folder / f"{number}.png" for number in range(count)]
    for path in paths:
        path.write_bytes(encode_png(draw_film(generator, "normal", size=512)))
    return paths


def measure(name: str, spec: PreprocessSpec, films: list[Path], out: Path) -> dict[str, float]:
    """Return seconds of wall and processor time: the median of images alone, and of `FILMS` images together."""
    network = build_network(name, num_classes=len(CLASSES), preprocess=spec, options={})
    explainer, wanted = Explainer(network, classes=CLASSES, spec=spec), Wanted()
    alone: list[tuple[float, float]] = []
    for path in films[: _ALONE + 1]:
        started = time.perf_counter(), time.process_time()
        rows = list(explain_files(explainer, [(str(path), path)], out, wanted))
        alone.append((time.perf_counter() - started[0], time.process_time() - started[1]))
        assert rows[0].status != "error", rows[0].reasons
    started = time.perf_counter(), time.process_time()
    rows = list(explain_files(explainer, [(str(path), path) for path in films], out, wanted))
    scale = FILMS / len(films)
    return {
        "overlay_seconds": round(statistics.median(wall for wall, _ in alone[1:]), 3),
        "overlay_cpu_seconds": round(statistics.median(cpu for _, cpu in alone[1:]), 3),
        f"films_{FILMS}_seconds": round(scale * (time.perf_counter() - started[0]), 1),
        f"films_{FILMS}_cpu_seconds": round(scale * (time.process_time() - started[1]), 1),
        "refused_by_the_gate": sum(row.status == "refuse" for row in rows),
    }


def main() -> None:
    """Measure every network, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, default=None)
    parser.add_argument("--films", type=int, default=FILMS, help="images read; the time of 724 is scaled from them")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        films = film_files(options.sources, options.films, Path(folder))
        figures = {name: measure(name, spec, films, Path(folder)) for name, spec in NETWORKS.items()}
    write_result(
        "explain_speed",
        figures,
        films=f"{len(films)} {'real' if options.sources else 'phantoms'}",
        threads=options.threads,
    )


if __name__ == "__main__":
    main()
