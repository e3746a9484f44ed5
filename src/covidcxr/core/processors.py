"""How many processors this process may use."""

from __future__ import annotations

import os


def num_processors() -> int:
    """Return the number of processors in this process's affinity mask, or of the machine where there is no mask."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def num_threads() -> int:
    """Return OMP_NUM_THREADS, else the processors that this process may use."""
    return int(os.environ.get("OMP_NUM_THREADS") or num_processors())
