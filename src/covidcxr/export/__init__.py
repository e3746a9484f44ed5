"""A bundle as other programs want it, each form compared with the original before it is handed out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from covidcxr.core.registry import Registry

if TYPE_CHECKING:
    from covidcxr.export.request import Exporter

EXPORTERS: Registry[Exporter] = Registry("export format", "covidcxr.export")
