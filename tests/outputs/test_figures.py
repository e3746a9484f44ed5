from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from covidcxr.outputs.figures.benefit import BenefitCurve, RiskCurve, draw_benefit
from covidcxr.outputs.figures.confusion import ConfusionPanel, draw_confusion
from covidcxr.outputs.figures.curves import Curve, ReliabilityCurve, draw_reliability, draw_roc_and_pr
from covidcxr.outputs.figures.forest import ForestRow, draw_forest
from covidcxr.outputs.figures.history import EpochSeries, draw_history
from covidcxr.outputs.figures.probability import ClassProbabilities, draw_true_probability
from covidcxr.outputs.figures.style import Drawing, inline_svg, png_bytes, svg_text, write_drawings
from page_builders import drawing

GRID = np.linspace(0, 1, 21)
CURVES = [
    Curve(label="COVID-19, 0.9", x=GRID, y=GRID**0.5, low=GRID**0.6, high=GRID**0.4),
    Curve(label="Normal", x=GRID, y=GRID),
]
DRAWINGS = {
    "roc": lambda: draw_roc_and_pr("roc", "ROC", CURVES, CURVES, [0.2, 0.8]),
    "reliability": lambda: draw_reliability(
        "reliability",
        "Reliability",
        [
            ReliabilityCurve(
                label="test",
                confidence=GRID[10:],
                share_right=GRID[10:],
                low=GRID[10:] - 0.1,
                high=GRID[10:] + 0.1,
                confidences=GRID,
            )
        ],
    ),
    "history": lambda: draw_history(
        "history",
        "History",
        EpochSeries(
            epochs=[1, 2],
            train_accuracy=[0.5, 0.9],
            train_loss=[2.0, 0.9],
            validation_accuracy=[0.6, 0.75],
            validation_loss=[1.0, 0.7],
            validation_name="test",
            kept_epoch=2,
            published_accuracy=0.873,
        ),
    ),
    "probability": lambda: draw_true_probability(
        "probability",
        "Probability",
        [
            ClassProbabilities(
                label="COVID-19", values=GRID, mean=0.5, low=0.4, high=0.6, theirs=(0.8445, 0.8185, 0.8705)
            )
        ],
    ),
    "forest": lambda: draw_forest(
        "forest",
        "Forest",
        [ForestRow(label="sex", heading=True), ForestRow(label="F", value=0.8, low=0.7, high=0.9, note="n = 40")],
        axis_label="Accuracy",
        reference=0.75,
    ),
}
WORDS = {
    "roc": ["COVID-19, 0.9", "1 - specificity", "PPV (precision)"],
    "reliability": ["Share that was right", "Confidence in the answer"],
    "history": ["Accuracy by epoch", "Loss by epoch", "published", "0.873"],
    "probability": ["0.500", "0.845", "(21)"],
    "forest": ["0.800 (0.700-0.900) · n = 40", "sex"],
}


def texts(made: Drawing) -> list[str]:
    root = ET.fromstring(svg_text(made))  # noqa: S314 - our own text
    return ["".join(node.itertext()).strip() for node in root.iter() if node.tag.endswith("}text")]


@pytest.mark.parametrize("name", sorted(DRAWINGS))
def test_a_drawing_carries_its_numbers_as_text(name: str) -> None:
    found = texts(DRAWINGS[name]())
    for words in WORDS[name]:
        assert words in found, (words, found)


def test_a_confusion_matrix_shows_every_count_and_its_share_of_the_row() -> None:
    panels = [
        ConfusionPanel(title="Published", classes=("A", "B"), counts=np.array([[98, 2], [0, 0]])),
        ConfusionPanel(title="This run", classes=("A", "B"), counts=np.array([[7, 1], [3, 5]])),
    ]
    made = draw_confusion("both", "Confusion", panels)
    found = texts(made)
    assert {"98", "98.0 %", "Published", "This run", "87.5 %", "no case"} <= set(found)
    assert "98 of 100 on the diagonal (98.0%)" in made.caption


def test_the_same_drawing_gives_the_same_svg() -> None:
    assert svg_text(drawing()) == svg_text(drawing())


def test_an_inline_drawing_has_no_fixed_size_and_no_metadata() -> None:
    inline = inline_svg(drawing())
    head = inline[: inline.index(">")]
    assert inline.startswith("<svg")
    assert not re.search(r"\s(width|height)=", head)
    assert "viewBox" in head
    assert "<metadata>" not in inline
    assert "DejaVu" not in inline or "Helvetica" in inline


def test_drawings_are_written_as_svg_and_as_png(tmp_path: Path) -> None:
    paths = write_drawings([drawing("one"), drawing("two")], tmp_path)
    assert sorted(path.name for path in paths) == ["one.png", "one.svg", "two.png", "two.svg"]
    with Image.open(tmp_path / "one.png") as image:
        assert image.width > 600
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert png_bytes(drawing()).startswith(b"\x89PNG")


def test_matplotlibs_global_state_is_left_alone() -> None:
    import matplotlib as mpl

    before = mpl.rcParams["axes.titlesize"], mpl.get_backend()
    draw_confusion("x", "X", [ConfusionPanel(title="t", classes=("A", "B"), counts=np.eye(2, dtype=np.int64))])
    assert (mpl.rcParams["axes.titlesize"], mpl.get_backend()) == before


def test_a_decision_curve_stands_beside_acting_on_all_and_on_nobody() -> None:
    benefit = BenefitCurve(
        thresholds=GRID[1:-1],
        model=0.2 - 0.1 * GRID[1:-1],
        low=GRID[1:-1] * 0,
        high=GRID[1:-1] * 0 + 0.3,
        treat_all=0.2 - GRID[1:-1],
    )
    risk = RiskCurve(coverage=GRID[1:], risk=0.1 * GRID[1:])
    both = texts(draw_benefit("use", "Use", benefit, risk, target="COVID-19"))
    assert {"the network", "act on all", "act on nobody", "Decision curve, COVID-19", "all answered: 0.100"} <= set(
        both
    )
    alone = draw_benefit("use", "Use", None, risk, target="COVID-19")
    assert "act on all" not in texts(alone)
    assert "Left" not in alone.caption


def test_a_decision_curve_of_a_rare_disease_without_a_band_is_drawn_over_its_own_thresholds() -> None:
    grid = 0.2 * GRID[1:]
    unknown = np.full(grid.size, np.nan)
    benefit = BenefitCurve(thresholds=grid, model=0.02 - 0.01 * grid, low=unknown, high=unknown, treat_all=0.02 - grid)
    risk = RiskCurve(coverage=GRID[1:], risk=0.1 * GRID[1:])
    drawing = draw_benefit("use", "Use", benefit, risk, target="COVID-19")
    assert drawing.figure.axes[0].get_xlim() == (0.0, pytest.approx(0.2))
    assert "20 %" in texts(drawing)
