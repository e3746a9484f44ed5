"""Compile of every image of the five real sources, beside a bare Pillow decode-resize-encode loop over the same files.

Both are timed in turn, in one run, with the same number of processes and the same settings (512 pixels, JPEG quality
90), writing to the same disk; the compile is timed whole, from reading metadata to the finished dataset. Bars: 70 %
of the bare loop's images per second for a first version, 75 % for the compiler. Processor time is beside wall time,
because it says the same on a machine that is busy with other things.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from benchmarks.record import versions, write_result
from covidcxr.core.recipe import Recipe
from covidcxr.core.recipe_toml import resolve_recipe
from covidcxr.curation.compile import compile_dataset
from covidcxr.dataset import Dataset
from covidcxr.dataset.manifest import count_exclusions
from covidcxr.sources.lookup import find_sources_root, locate_sources

LONGEST_SIDE = 512
JPEG_QUALITY = 90
CLASSES = ["COVID-19", "Normal", "Pneumonia"]
SUFFIXES = {".png", ".jpg", ".jpeg"}


def bare(job: tuple[Path, Path]) -> None:
    """Decode one file, shrink it, and write it as a gray JPEG: the least that any compiler must do."""
    source, target = job
    with Image.open(source) as image:
        gray = image.convert("L")
    gray.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    gray.save(target, "JPEG", quality=JPEG_QUALITY)


def processor_seconds() -> float:
    """Return the processor time that this process and its children have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(item.ru_utime + item.ru_stime for item in used)


def time_bare(files: list[Path], folder: Path, workers: int) -> float:
    """Return the seconds that the bare loop takes."""
    folder.mkdir(parents=True)
    jobs = [(path, folder / f"{number}.jpg") for number, path in enumerate(files)]
    start = time.perf_counter()
    if workers == 1:
        for job in jobs:
            bare(job)
    else:
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            for _ in pool.imap_unordered(bare, jobs, chunksize=8):
                pass
    return time.perf_counter() - start


def time_compile(recipe: Recipe, root: Path, out: Path, workers: int) -> tuple[float, Dataset]:
    """Return the seconds that a whole compile takes, and its dataset."""
    start = time.perf_counter()
    dataset = compile_dataset(recipe, out, sources=root, workers=workers)
    return time.perf_counter() - start, dataset


def all_images_recipe(names: Iterable[str]) -> Recipe:
    """Return a recipe that takes every class of these sources."""
    table = {
        "classes": CLASSES,
        "take": dict.fromkeys(names, CLASSES),
        "rules": ["undecodable", "unlabelled"],
        "longest_side": LONGEST_SIDE,
        "jpeg_quality": JPEG_QUALITY,
    }
    network = {"name": "zhong2020", "preprocess": {"size": 80}}
    return resolve_recipe({"name": "all", "title": "All images", "dataset": table, "network": network}, where="here")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    root = find_sources_root(given.sources)
    if root is None:
        parser.error("no public sources found; give --sources")
    located = locate_sources(root)
    recipe = all_images_recipe(located)
    files = sorted(p for folder in located.values() for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    for path in files:
        path.read_bytes()  # both find the files in the page cache
    names = ("bare", "compile", "again", "bare_processor", "compile_processor")
    seconds: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(given.rounds):
            place = Path(scratch) / str(number)
            marks = [processor_seconds()]
            seconds["bare"].append(time_bare(files, place / "bare", given.workers))
            marks.append(processor_seconds())
            first, dataset = time_compile(recipe, root, place / "compiled", given.workers)
            marks.append(processor_seconds())
            seconds["bare_processor"].append(marks[1] - marks[0])
            seconds["compile_processor"].append(marks[2] - marks[1])
            again, same = time_compile(recipe, root, place / "compiled", given.workers)
            seconds["compile"].append(first)
            seconds["again"].append(again)
            num_worked = len(files) - count_exclusions(dataset.manifest.exclusions).get("no-metadata", 0)
            digest, is_same = dataset.digest, dataset.digest == same.digest
            shutil.rmtree(place)
    bare_rate = len(files) / statistics.median(seconds["bare"])
    compile_rate = num_worked / statistics.median(seconds["compile"])
    write_result(
        "compile_throughput",
        {
            "ratio": round(compile_rate / bare_rate, 3),
            "ratio_of_processor_time": round(
                statistics.median(seconds["bare_processor"])
                / len(files)
                * num_worked
                / statistics.median(seconds["compile_processor"]),
                3,
            ),
            "images": len(files),
            "images_worked_on": num_worked,
            "processes": given.workers,
            "bare_images_per_second": round(bare_rate, 1),
            "compile_images_per_second": round(compile_rate, 1),
            "seconds": {name: [round(value, 2) for value in values] for name, values in seconds.items()},
            "digest": digest,
            "same_digest_again": is_same,
        },
        versions=versions("pillow", "numpy", "opencv-python-headless"),
    )


if __name__ == "__main__":
    main()
