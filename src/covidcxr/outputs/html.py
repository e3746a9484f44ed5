"""A page becomes one HTML file that needs nothing beside it: style, drawings and images are inside.

It works offline, prints, follows the reader's light or dark setting, and runs no script.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from covidcxr.core.artefacts import write_text
from covidcxr.core.notice import NOTICE, SYNTHETIC_NOTICE
from covidcxr.outputs.figures.style import Drawing, inline_svg
from covidcxr.outputs.page import FigureBlock, Page, Table


def render_page(page: Page) -> str:
    """Return the HTML text of ``page``; every word from outside is escaped."""
    numbers = _numbers(page)
    return (
        _environment()
        .get_template("report.html")
        .render(
            page=page,
            notice=NOTICE,
            synthetic_notice=SYNTHETIC_NOTICE,
            number_of=lambda block: numbers[id(block)],
        )
    )


def write_page(page: Page, path: Path) -> None:
    """Write ``page`` to ``path``, atomically.

    Raises:
        OutputError: If the place cannot be written.
    """
    write_text(path, render_page(page))


def drawings_of(page: Page) -> list[Drawing]:
    """Return every drawing of ``page``, in reading order."""
    return [block.drawing for section in page.sections for block in section.blocks if isinstance(block, FigureBlock)]


def _numbers(page: Page) -> dict[int, int]:
    """Return the running number of every figure and table, by the identity of its block."""
    numbers: dict[int, int] = {}
    for kind in (FigureBlock, Table):
        blocks = [block for section in page.sections for block in section.blocks if isinstance(block, kind)]
        numbers |= {id(block): position for position, block in enumerate(blocks, start=1)}
    return numbers


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("covidcxr.outputs"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = lambda drawing: Markup(inline_svg(drawing))  # noqa: S704 - drawn by us, text escaped
    environment.filters["data_uri"] = _data_uri
    return environment


def _data_uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
