"""The release that runs, as every artefact records it."""

from __future__ import annotations

from importlib import metadata


def release() -> str:
    """Return the installed version of covidcxr."""
    return metadata.version("covidcxr")
