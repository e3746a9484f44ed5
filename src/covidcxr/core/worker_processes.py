"""What every worker process of a pool does first, whatever its work is."""

from __future__ import annotations

import multiprocessing
import os
import threading


def exit_with_parent() -> None:
    """Make this worker process end when the process that started the pool has ended, however it ended.

    A pool's workers wait on pipes that they hold open for one another, so that a parent that was killed would leave
    them behind, and busy with what is queued. Whatever a worker has written whole by then is used by the next run.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_for, args=(parent,), name="covidcxr-parent", daemon=True).start()


def _wait_for(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)  # at once: there is nobody left to report to
