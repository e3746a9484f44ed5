"""Where the benchmarks find the real films: every image file of the sources, whatever its metadata says."""

from __future__ import annotations

import os
from pathlib import Path

_SUFFIXES = {".png", ".jpg", ".jpeg"}
_PLACES = (Path("data/sources"), Path("../shared/data/sources"))


def sources_root(explicit: Path | None) -> Path:
    """Return the folder of the sources: ``explicit``, COVIDCXR_SOURCES, ./data/sources or ../shared/data/sources."""
    named = explicit or (Path(os.environ["COVIDCXR_SOURCES"]) if os.environ.get("COVIDCXR_SOURCES") else None)
    for place in (named,) if named else _PLACES:
        if place.is_dir():
            return place
    raise SystemExit("no sources found; give --sources DIR")


def film_paths(explicit: Path | None) -> list[tuple[str, Path]]:
    """Return (key, file) of every image, sorted by key; the key is the path inside the sources' folder."""
    root = sources_root(explicit)
    files = (path for path in root.rglob("*") if path.suffix.lower() in _SUFFIXES)
    return sorted((path.relative_to(root).as_posix(), path) for path in files)
