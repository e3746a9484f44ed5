"""The image work on a Ray cluster: the same function on other machines, the same result bit for bit.

Workers read the sources by their paths, so these must be on a file system that every machine mounts; converted images
come back through Ray and are written here. An extra: ``pip install 'covidcxr[ray]'``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from covidcxr.core.ray_tasks import map_on_ray
from covidcxr.curation.image_work import ImageFacts, ImageJob, compute_image, prepare_worker, store_image

_BATCH = 16


def run_on_ray(jobs: Sequence[ImageJob]) -> Iterator[ImageFacts]:
    """Yield the facts of every job in order, worked on by the cluster of ``RAY_ADDRESS``, or by a local one.

    Raises:
        MissingExtraError: If Ray is not installed.
        OSError: If a converted image cannot be written.
    """
    batches = (list(jobs[start : start + _BATCH]) for start in range(0, len(jobs), _BATCH))
    for results in map_on_ray(_work, batches):
        for facts, encoded in results:
            if encoded:
                store_image(jobs[0].store, facts.sha256, encoded)
            yield facts


def _work(jobs: list[ImageJob]) -> list[tuple[ImageFacts, bytes]]:
    prepare_worker()
    return [compute_image(job) for job in jobs]
