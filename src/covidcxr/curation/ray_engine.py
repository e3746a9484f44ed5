"""The image work on a Ray cluster: the same function on other machines, the same result bit for bit.

Workers read the sources by their paths, so these must be on a file system that every machine mounts; converted images
come back through Ray and are written here. An extra: ``pip install 'covidcxr[ray]'``.
"""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from covidcxr.core.errors import MissingExtraError
from covidcxr.curation.image_work import ImageFacts, ImageJob, compute_image, prepare_worker, store_image

_BATCH = 16


def run_on_ray(jobs: Sequence[ImageJob]) -> Iterator[ImageFacts]:
    """Yield the facts of every job in order, worked on by the cluster of ``RAY_ADDRESS``, or by a local one.

    At most two batches a processor are in flight, so that an archive streams.

    Raises:
        MissingExtraError: If Ray is not installed.
        OSError: If a converted image cannot be written.
    """
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError as error:
        raise MissingExtraError("ray", "ray", "--engine ray") from error
    started = not ray.is_initialized()
    if started:
        ray.init(log_to_driver=False, include_dashboard=False, configure_logging=False)
    try:
        work = ray.remote(num_cpus=1)(_work)
        room = max(2, 2 * int(ray.cluster_resources().get("CPU", 1)))
        waiting: deque[Any] = deque()
        for start in range(0, len(jobs), _BATCH):
            waiting.append(work.remote(list(jobs[start : start + _BATCH])))
            if len(waiting) >= room:
                yield from _kept(jobs[0], ray.get(waiting.popleft()))
        while waiting:
            yield from _kept(jobs[0], ray.get(waiting.popleft()))
    finally:
        if started:
            ray.shutdown()


def _work(jobs: list[ImageJob]) -> list[tuple[ImageFacts, bytes]]:
    prepare_worker()
    return [compute_image(job) for job in jobs]


def _kept(job: ImageJob, results: list[tuple[ImageFacts, bytes]]) -> Iterator[ImageFacts]:
    for facts, encoded in results:
        if encoded:
            store_image(job.store, facts.sha256, encoded)
        yield facts
