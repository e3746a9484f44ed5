"""Where the benchmarks find the real images: every image file of the sources, whatever its metadata says."""

from __future__ import annotations

from pathlib import Path

from covidcxr.sources.lookup import find_sources_root

_SUFFIXES = {".png", ".jpg", ".jpeg"}


def sources_root(explicit: Path | None) -> Path:
    """Return the folder of the sources, looked up as the program does."""
    root = find_sources_root(explicit)
    if root is None:
        raise SystemExit("no sources found; give --sources DIR")
    return root


def film_paths(explicit: Path | None) -> list[tuple[str, Path]]:
    """Return (key, file) of every image, sorted by key; the key is the path inside the sources' folder."""
    root = sources_root(explicit)
    files = (path for path in root.rglob("*") if path.suffix.lower() in _SUFFIXES)
    return sorted((path.relative_to(root).as_posix(), path) for path in files)
