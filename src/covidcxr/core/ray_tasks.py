"""Batches of work on a Ray cluster, results in order, with a bounded number in flight.

The cluster is that of ``RAY_ADDRESS``, or a local one that is started and stopped here. Every machine needs covidcxr
and, by the same paths, the files that the work reads. An extra: ``pip install 'covidcxr[ray]'``. What the work is, is
not known here.
"""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from covidcxr.core.errors import MissingExtraError
from covidcxr.core.no_reports import forbid_reports

Batch = TypeVar("Batch")
Result = TypeVar("Result")


def map_on_ray(
    work: Callable[[Batch], Result], batches: Iterable[Batch], *, uses_gpu: bool = False
) -> Iterator[Result]:
    """Yield ``work(batch)`` of every batch, in their order.

    Args:
        work: A function of an installed module; a process that has run it once is used again.
        batches: Taken only as far ahead as two a processor of the cluster, so that an archive streams.
        uses_gpu: Whether each batch needs a GPU to itself.

    Raises:
        MissingExtraError: If Ray is not installed.
    """
    forbid_reports()
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError as error:
        raise MissingExtraError("ray", "ray", "--engine ray") from error
    started = not ray.is_initialized()
    if started:
        ray.init(log_to_driver=False, include_dashboard=False, configure_logging=False)
    try:
        remote = ray.remote(num_cpus=1, num_gpus=1 if uses_gpu else 0)(work)
        room = max(2, 2 * int(ray.cluster_resources().get("CPU", 1)))
        waiting: deque[Any] = deque()
        for batch in batches:
            waiting.append(remote.remote(batch))
            if len(waiting) >= room:
                yield _result(ray, waiting.popleft())
        while waiting:
            yield _result(ray, waiting.popleft())
    finally:
        if started:
            ray.shutdown()


def _result(ray: Any, reference: Any) -> Any:
    """Return one result; an error of the work is raised as itself, not as Ray's wrapping of it."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise getattr(error, "cause", None) or error from None
