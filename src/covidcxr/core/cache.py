"""Where things are kept that can be computed or fetched again; deleting any of it loses only time."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(name: str) -> Path:
    """Return the folder ``name`` under COVIDCXR_CACHE, else under the user's cache folder; it may not exist yet."""
    base = os.environ.get("COVIDCXR_CACHE")
    if base:
        return Path(base) / name
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "covidcxr" / name
