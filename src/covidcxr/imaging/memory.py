"""How much memory decoding may take: a bound for one image, and turns for large ones, across threads and processes.

A header of a few bytes can ask for gigabytes, and pixels alone do not tell how many: a gray image of eight bits takes a
sixth of what 16-bit colour does. So each reader states its cost in bytes before it decodes.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from covidcxr.core.errors import ImageTooLargeError

MOST_BYTES = 640_000_000  # of one image, so that a process that also holds the networks stays below 1 GB
MOST_FILE_BYTES = 1 << 29
_LARGE_BYTES = 96_000_000  # from which on one image is decoded at a time
_LONGEST_WAIT = 60.0  # seconds; a process that hangs must not stop the others
_POLL = 0.02


class _Turn(threading.local):
    """How many contexts this thread is in, and the file it has locked."""

    depth: int = 0
    descriptor: int | None = None


_turn = _Turn()


def check_cost(num_bytes: float, origin: str) -> None:
    """Refuse an image whose decoding would take too much memory; wait for one's turn with one that takes much.

    Args:
        num_bytes: What the reader will need at its peak, the file itself included.
        origin: What messages call the image.

    Raises:
        ImageTooLargeError: If it is more than `MOST_BYTES`.
    """
    if num_bytes > MOST_BYTES:
        raise ImageTooLargeError(
            f"{origin}: needs about {num_bytes / 1e6:,.0f} MB of memory to decode, more than the "
            f"{MOST_BYTES / 1e6:,.0f} MB that one image may take; scale it down, or save it as 8-bit gray"
        )
    if num_bytes > _LARGE_BYTES and _turn.depth and _turn.descriptor is None:
        _turn.descriptor = _taken_turn()


@contextmanager
def one_image() -> Iterator[None]:
    """While one image is read and used: if it is a large one, no other large one is, in any process of this user."""
    _turn.depth += 1
    try:
        yield
    finally:
        _turn.depth -= 1
        if _turn.depth == 0 and _turn.descriptor is not None:
            os.close(_turn.descriptor)  # which also gives up the lock
            _turn.descriptor = None


def _taken_turn() -> int | None:
    """Return the descriptor of a file that is locked; None where files cannot be, or nobody gave it up in time."""
    try:
        import fcntl
    except ImportError:  # not on this system
        return None
    path = Path(tempfile.gettempdir()) / f"covidcxr-large-images-{os.getuid()}.lock"
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        last = time.monotonic() + _LONGEST_WAIT
        while time.monotonic() < last:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_POLL)
            else:
                return descriptor
        os.close(descriptor)
    return None
