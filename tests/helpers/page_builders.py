"""Small pages and drawings for the tests of the outputs room."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from covidcxr.imaging.encoding import encode_jpeg
from covidcxr.outputs.figures.confusion import ConfusionPanel, draw_confusion
from covidcxr.outputs.figures.style import Drawing
from covidcxr.outputs.page import (
    Cell,
    FigureBlock,
    Findings,
    Gallery,
    Headline,
    Page,
    Picture,
    Prose,
    Row,
    Section,
    Table,
    Tile,
)

CLASSES = ("COVID-19", "Normal")


def drawing(name: str = "confusion") -> Drawing:
    panel = ConfusionPanel(title="This run", classes=CLASSES, counts=np.array([[8, 2], [1, 9]]))
    return draw_confusion(name, "Confusion matrix", [panel])


def page(*, synthetic: bool = False, title: str = "A network") -> Page:
    """Return a page with one block of most kinds."""
    picture = Picture(
        jpeg=encode_jpeg(np.full((8, 8), 90, np.uint8), 80),
        title="Normal, called COVID-19",
        lines=("0.9",),
        alt="An image",
    )
    table = Table(
        caption="Numbers",
        columns=("", "Value"),
        rows=(
            Row(cells=(Cell(text="Group"),), heading=True),
            Row(cells=(Cell(text="Accuracy"), Cell(text="0.85", sub="0.7 to 0.9"))),
        ),
    )
    blocks = (
        table,
        FigureBlock(drawing=drawing()),
        Findings(title="Mind", items=("one", "two")),
        Prose(paragraphs=("words",)),
    )
    sections = (
        Section(anchor="numbers", title="Numbers", blocks=blocks),
        Section(
            anchor="pictures",
            title="Pictures",
            blocks=(Gallery(caption="Mistakes", pictures=(picture,)), replace(table, caption="More")),
        ),
    )
    head = Headline(
        score="Right in 85 %.",
        verdict="not believable",
        worth=("children against adults",),
        change=("adult controls",),
        tiles=(Tile(label="Accuracy", value="0.850", detail="0.7 to 0.9"),),
    )
    return Page(kicker="report", title=title, subtitle="sub", headline=head, sections=sections, synthetic=synthetic)
