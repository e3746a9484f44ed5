"""Silence for libraries that remark on odd files through Python's warnings, in any number of threads."""

from __future__ import annotations

import threading
import warnings
from types import TracebackType


class QuietWarnings:
    """A context without warnings; a thread that enters while others are inside does not wait for them.

    The filters belong to the process and not to a thread, so the first one in silences them and the last one out puts
    them back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._num_inside = 0
        self._outside = warnings.catch_warnings()

    def __enter__(self) -> None:
        """Silence the process, if nobody has."""
        with self._lock:
            if self._num_inside == 0:
                self._outside = warnings.catch_warnings()
                self._outside.__enter__()
                warnings.simplefilter("ignore")
            self._num_inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the filters back, if nobody else needs silence."""
        with self._lock:
            self._num_inside -= 1
            if self._num_inside == 0:
                self._outside.__exit__(kind, error, trace)


QUIET = QuietWarnings()
