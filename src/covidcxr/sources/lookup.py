"""Where the public sources lie on this machine, and which of them are there.

Nothing is downloaded here: that is ``fetch``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from covidcxr.core.errors import SourceError
from covidcxr.sources import SOURCES
from covidcxr.sources.phantoms import SYNTHETIC_MARKER
from covidcxr.sources.source import Source, SourceListing

SOURCES_VARIABLE = "COVIDCXR_SOURCES"
USUAL_PLACES = (Path("data/sources"), Path("../shared/data/sources"))


def find_sources_root(explicit: Path | None = None, *, environment: Mapping[str, str] | None = None) -> Path | None:
    """Return the folder below which the sources lie, or None.

    The order is: ``explicit`` (``--sources``), the variable ``COVIDCXR_SOURCES``, ``./data/sources``,
    ``../shared/data/sources``. Of the last two, the first that holds any source is taken.

    Raises:
        SourceError: If ``explicit`` or the variable names something that is no folder.
    """
    environment = os.environ if environment is None else environment
    named = (explicit, "--sources") if explicit is not None else (environment.get(SOURCES_VARIABLE), SOURCES_VARIABLE)
    if named[0]:
        root = Path(named[0]).expanduser()
        if not root.is_dir():
            raise SourceError(
                f"{root}: no such folder ({named[1]}); expected one that holds the public sources, "
                f"for example covid-chestxray-dataset/; fetch them with: covidcxr sources fetch NAME --sources {root}"
            )
        return root
    return next((place for place in USUAL_PLACES if place.is_dir() and locate_sources(place)), None)


def locate_sources(root: Path) -> dict[str, Path]:
    """Return the folder of every registered source found below ``root``, by name."""
    found = {name: source().locate(root) for name, source in SOURCES.items()}
    return {name: folder for name, folder in found.items() if folder is not None}


def is_synthetic(root: Path) -> bool:
    """Return whether ``root`` holds computed phantoms (see ``phantoms``) instead of radiographs."""
    return (root / SYNTHETIC_MARKER).is_file()


def read_source(name: str, root: Path) -> SourceListing:
    """Return the listing of one source below ``root``.

    Raises:
        RegistryError: If no source has that name.
        SourceError: If it is not below ``root``, or not as its release is laid out.
    """
    source = SOURCES.get(name)()
    return source.read(find_folder(source, root))


def find_folder(source: Source, root: Path) -> Path:
    """Return the folder of ``source`` below ``root``; where it has the name alone, reading it says what is wrong.

    Raises:
        SourceError: If there is none of its names.
    """
    folder = source.find(root)
    if folder is not None:
        return folder
    present = ", ".join(sorted(child.name for child in root.iterdir() if child.is_dir())) if root.is_dir() else ""
    raise SourceError(
        f"{root}: no folder of source {source.info.name!r} (found: {present or 'nothing'}); expected "
        f"{source.info.folders[0]}/ with {source.info.layout}; "
        + source.how_to_get()
        + ("" if source.plan is None else f" --sources {root}")
    )


def fetch_root(explicit: Path | None = None, *, environment: Mapping[str, str] | None = None) -> Path:
    """Return the folder to fetch into: ``explicit``, else ``COVIDCXR_SOURCES``, else ``./data/sources``.

    It need not exist yet.
    """
    environment = os.environ if environment is None else environment
    named = explicit or environment.get(SOURCES_VARIABLE)
    return Path(named).expanduser() if named else USUAL_PLACES[0]
