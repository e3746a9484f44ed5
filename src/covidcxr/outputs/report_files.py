"""The files that every report folder has: ``report.html``, ``report.json`` and ``figures/``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from covidcxr.outputs.figures.style import write_drawings
from covidcxr.outputs.html import drawings_of, write_page
from covidcxr.outputs.page import Page
from covidcxr.outputs.report_json import write_json

HTML, JSON, FIGURES = "report.html", "report.json", "figures"


def write_report_files(page: Page, document: Mapping[str, Any], folder: Path) -> None:
    """Write ``page``, its drawings and ``document`` into the existing, empty ``folder``.

    Raises:
        OutputError: If the place cannot be written.
    """
    (folder / FIGURES).mkdir()
    write_page(page, folder / HTML)
    write_drawings(drawings_of(page), folder / FIGURES)
    write_json(document, folder / JSON)
