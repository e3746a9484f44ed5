"""What pydicom remarks on while it decodes, heard by the thread that decodes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = tuple(logging.getLogger(name) for name in ("pydicom", "pylibjpeg", "openjpeg"))


class _ListHandler(logging.Handler):
    """Collects the warnings of one thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message, if this thread is where it comes from."""
        if record.thread == self._thread:
            self.lines.append(record.getMessage())


@contextmanager
def heard_remarks() -> Iterator[list[str]]:
    """Collect what the decoders log in this thread."""
    handler = _ListHandler()
    for logger in _LOGGERS:
        logger.addHandler(handler)
    try:
        yield handler.lines
    finally:
        for logger in _LOGGERS:
            logger.removeHandler(handler)
