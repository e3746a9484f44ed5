"""All images of a dataset's samples in one memory-mapped array, decoded and scaled once.

The cache is keyed by what is in it, so it never needs to be told that it is out of date. Intensity changes and
normalisation are left to `covidcxr.imaging.preprocess` and to training.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.artefacts import atomic_file
from covidcxr.core.digests import json_sha256
from covidcxr.core.errors import DatasetError
from covidcxr.core.processors import num_processors
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.types import Region, Sample
from covidcxr.dataset.dataset import Dataset
from covidcxr.imaging.encoding import to_uint8
from covidcxr.imaging.preprocess import part_of, squeeze
from covidcxr.imaging.reading import read_gray8


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PackedImages:
    """Images, labels and samples in one order.

    Attributes:
        images: uint8 (N, S, S), read-only, mapped from ``path``; 0 is black, bone bright.
        labels: int64 (N,), positions in the dataset's classes.
        samples: The N samples.
        path: The file that holds the array.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    samples: tuple[Sample, ...]
    path: Path


def pack(
    dataset: Dataset,
    samples: Sequence[Sample],
    *,
    size: int,
    region: Region = "film",
    crop: float = 1.0,
    cache: Path,
    workers: int | None = None,
    progress: Progress = SILENT,
) -> PackedImages:
    """Return the images of ``samples`` squeezed to ``size`` x ``size``, from the folder ``cache`` where it has them.

    ``region`` and ``crop`` are those of `PreprocessSpec`.

    Images are read by ``workers`` threads (decoding releases the interpreter's lock), by default one a processor.

    Raises:
        DatasetError: If there are no samples.
        ImageReadError: If an image cannot be read.
        OutputError: If ``cache`` cannot be written.
    """
    if not samples:
        raise DatasetError(f"{dataset.root}: no samples to pack; choose a split that has images")
    content: dict[str, object] = {"digest": dataset.digest, "size": size, "crop": crop}
    content["images"] = [sample.image for sample in samples]
    if region != "film":
        content["region"] = region
    key = json_sha256(content)
    path = cache / f"packed-{size}-{key[:16]}.npy"
    shape = (len(samples), size, size)
    if not _is_whole(path, shape):
        threads = workers or num_processors()
        _write(path, shape, dataset, samples, region=region, crop=crop, workers=threads, progress=progress)
    positions = {label: position for position, label in enumerate(dataset.classes)}
    return PackedImages(
        images=np.load(path, mmap_mode="r"),
        labels=np.array([positions[sample.label] for sample in samples], dtype=np.int64),
        samples=tuple(samples),
        path=path,
    )


def _write(
    path: Path,
    shape: tuple[int, int, int],
    dataset: Dataset,
    samples: Sequence[Sample],
    *,
    region: Region,
    crop: float,
    workers: int,
    progress: Progress,
) -> None:
    size = shape[1]

    def load(sample: Sample) -> NDArray[np.uint8]:
        pixels = read_gray8(dataset.image_path(sample)).pixels
        return to_uint8(squeeze(part_of(pixels, region), size, crop))

    with atomic_file(path) as partial:
        images = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
        with ThreadPoolExecutor(workers) as pool:
            try:
                for row, pixels in enumerate(
                    progress.track(pool.map(load, samples), total=len(samples), label=f"pack {size} px")
                ):
                    images[row] = pixels
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        images.flush()
        del images


def _is_whole(path: Path, shape: tuple[int, int, int]) -> bool:
    if not path.is_file():
        return False
    try:
        found = np.load(path, mmap_mode="r")
    except (OSError, ValueError):
        return False
    return bool(found.shape == shape and found.dtype == np.uint8)
