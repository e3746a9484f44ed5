"""One file per public source: where it lives and how its metadata reads.

``SOURCES`` holds the `Source` classes by the name that recipes use. What is done with the records is known to
``curation``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from covidcxr.core.registry import Registry

if TYPE_CHECKING:
    from covidcxr.sources.source import Source

SOURCES: Registry[type[Source]] = Registry("source", "covidcxr.sources")
