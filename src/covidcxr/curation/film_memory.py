"""What the search for copies found out about images, kept so that no image is measured and no pair compared twice.

One SQLite file in the user's cache folder, shared by all datasets: features by the SHA-256 of the source file (some
32 KB an image), comparisons by those of both files. It holds what one version of the code found; another version's file
is removed. It only saves time: a file that is damaged, locked or cannot be written is done without.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2

from covidcxr import imaging
from covidcxr.core.cache import cache_folder
from covidcxr.core.digests import file_sha256, json_sha256
from covidcxr.curation import duplicates
from covidcxr.curation.duplicates import Confirmation, ImageFeatures

_log = logging.getLogger(__name__)
_TABLES = """
CREATE TABLE IF NOT EXISTS films (sha256 TEXT PRIMARY KEY, features BLOB);
CREATE TABLE IF NOT EXISTS comparisons (
    first TEXT, second TEXT, mirrored INT, found TEXT, PRIMARY KEY (first, second, mirrored)
) WITHOUT ROWID;
"""
_READ = {
    "films": "SELECT features FROM films WHERE sha256 = ?",
    "comparisons": "SELECT found FROM comparisons WHERE first = ? AND second = ? AND mirrored = ?",
}
_WRITE = {
    "films": "INSERT OR REPLACE INTO films VALUES (?, ?)",
    "comparisons": "INSERT OR REPLACE INTO comparisons VALUES (?, ?, ?, ?)",
}
_FLUSH_EVERY = 256
_LOCK_SECONDS = 2.0


class FilmMemory:
    """Features and comparisons of earlier searches; a context, so that what is new is written at the end."""

    def __init__(self, folder: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._new: dict[str, list[tuple[object, ...]]] = {name: [] for name in _WRITE}
        self._database = _open(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._flush(1)
            if self._database is not None:
                self._database.close()

    def features(self, sha256: str, compute: Callable[[], ImageFeatures]) -> ImageFeatures:
        """Return the features of the file with this digest; ``compute`` is asked where they are not known."""
        kept = self._read("films", (sha256,))
        with suppress(ValueError, TypeError, zlib.error):
            if kept is not None:
                return ImageFeatures.from_bytes(zlib.decompress(kept))
        found = compute()
        self._keep("films", (sha256, zlib.compress(found.to_bytes(), 1)))
        return found

    def comparison(
        self, first: str, second: str, *, mirrored: bool, compute: Callable[[], Confirmation]
    ) -> Confirmation:
        """Return what comparing the files with these digests, the first one mirrored or not, gives."""
        key = first, second, int(mirrored)
        kept = self._read("comparisons", key)
        with suppress(ValueError, TypeError):
            if kept is not None:
                return _confirmation(json.loads(kept))
        found = compute()
        self._keep("comparisons", (*key, json.dumps(asdict(found))))
        return found

    def _read(self, table: str, key: Sequence[object]) -> Any:
        with self._lock:
            try:
                row = self._database.execute(_READ[table], key).fetchone() if self._database else None
            except sqlite3.Error as error:
                self._give_up(error)
                return None
        return row[0] if row else None

    def _keep(self, table: str, row: tuple[object, ...]) -> None:
        with self._lock:
            self._new[table].append(row)
            self._flush(_FLUSH_EVERY)

    def _flush(self, least: int) -> None:
        for table, rows in self._new.items():
            if len(rows) < least:
                continue
            try:
                if self._database is not None:
                    with self._database:
                        self._database.executemany(_WRITE[table], rows)
            except sqlite3.Error as error:
                self._give_up(error)
            rows.clear()

    def _give_up(self, error: sqlite3.Error) -> None:
        _log.warning("images measured for copies cannot be kept: %s", error)
        if self._database is not None:
            self._database.close()
            self._database = None


def search_code() -> str:
    """Return a digest of the code that decides features and comparisons."""
    files = [path for place in duplicates.__path__ for path in Path(place).iterdir() if path.is_file()]
    files += [path for place in imaging.__path__ for path in Path(place).glob("*.py")]
    code = [file_sha256(path) for path in sorted(files)]
    return json_sha256({"code": code, "opencv": cv2.__version__})


def _open(folder: Path | None) -> sqlite3.Connection | None:
    try:
        folder = folder or cache_folder("films")
        path = folder / f"films-{search_code()[:16]}.sqlite"
        folder.mkdir(parents=True, exist_ok=True)
        for other in folder.glob("films-*.sqlite"):
            if other != path:
                other.unlink()
        try:
            return _connect(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # locked, or no place: not damaged
            path.unlink()
            return _connect(path)
    except (OSError, RuntimeError, sqlite3.Error) as error:  # RuntimeError: this user has no home
        _log.warning("images measured for copies cannot be kept in %s: %s", folder or "a cache folder", error)
        return None


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_LOCK_SECONDS, check_same_thread=False)
    try:
        database.execute("PRAGMA synchronous = OFF")
        database.executescript(_TABLES)
    except sqlite3.Error:
        database.close()
        raise
    return database


def _confirmation(values: dict[str, Any]) -> Confirmation:
    rows = values["transform"]
    return Confirmation(**{**values, "transform": None if rows is None else tuple(tuple(row) for row in rows)})
