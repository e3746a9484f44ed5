"""Runs a network on the CPU so that an answer depends on its image alone, not on the batch or the number of threads.

Libraries sum in another order for another batch or another number of threads, which changes the sixth digit. So every
call has the same shape and one thread; several calls run side by side, which is as fast as one call on all threads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.processors import num_threads

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class Lanes:
    """Threads that each run one call of ``size`` images at a time.

    Args:
        run: Float32 (size, C, S, S) to float32 (size, classes), on the calling thread alone.
        size: Images of a call; what is missing to it is filled up with black.
        begin: Called by every thread when it starts.
    """

    def __init__(self, run: Run, *, size: int, begin: Callable[[], None] | None = None) -> None:
        self._run, self._size = run, size
        num = num_threads()
        self._pool = ThreadPoolExecutor(num, "covidcxr-lane", initializer=begin)
        together = Barrier(num)
        list(self._pool.map(lambda _: together.wait(), range(num)))  # every thread has begun when this returns

    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (N, classes) logits of float32 (N, C, S, S) images, N at least 1."""
        missing = -len(images) % self._size
        filled = np.concatenate([images, np.zeros((missing, *images.shape[1:]), np.float32)]) if missing else images
        calls = [filled[start : start + self._size] for start in range(0, len(filled), self._size)]
        return np.concatenate(list(self._pool.map(self._run, calls)))[: len(images)]
