"""Marks that people draw on images, and marks that technologists put beside the chest: to learn the difference from.

An image drawn upon is known to the pixel, so a detector needs no hand-made masks. Arrows, arrowheads, boxes, circles,
asterisks, words, dates and score cells are drawn over the chest; side letters, panel letters, "PORTABLE", marker arrows
and lead-like lines go to the margin and count as clean.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Gray = NDArray[np.uint8]
Point = tuple[float, float]

_WORDS = (
    "day",
    "Day",
    "AP",
    "CXR SCORE:",
    "Right",
    "Patient standing",
    "Fig",
    "First chest x-ray",
    "September",
    "March",
)
_MARGIN_WORDS = (
    "R",
    "L",
    "A",
    "B",
    "C",
    "D",
    "PORTABLE",
    "AP ERECT",
    "SUPINE",
    "MOBILE",
    "SEMI UPRIGHT",
    "(B)",
    "a",
    "1",
)


def draw_on_chest(film: Gray, rng: np.random.Generator) -> tuple[Gray, Gray]:
    """Return a copy of ``film`` (S, S) with one to six marks over the chest, and a mask (0 or 255) of their pixels."""
    mask = np.zeros_like(film)
    kinds: tuple[Callable[[Gray, Gray, np.random.Generator], None], ...] = (
        _arrows,
        _arrows,
        _block_arrows,
        _arrowheads,
        _arrowheads,
        _frame,
        _cells,
        _words,
        _words,
        _symbols,
    )
    drawn = film.copy()
    for _ in range(1 if rng.random() < 0.8 else 2):
        kinds[int(rng.integers(len(kinds)))](drawn, mask, rng)
    return drawn, mask


def draw_beside_chest(film: Gray, rng: np.random.Generator) -> Gray:
    """Return a copy of ``film`` (S, S) with a technologist's marks in its margin."""
    drawn, size = film.copy(), film.shape[0]
    for _ in range(int(rng.integers(1, 4))):
        edge = float(rng.uniform(0.02, 0.09))
        along = float(rng.uniform(0.03, 0.9))
        place = {0: (edge, along), 1: (0.97 - edge, along), 2: (along, edge)}[int(rng.integers(3))]
        if rng.random() < 0.25:
            _arrow(drawn, drawn, place, degrees=float(rng.choice([90, 270])), length=0.05 * size, ink=255, thickness=1)
            continue
        text = str(rng.choice(_MARGIN_WORDS))
        height = int(rng.integers(5, 18) if len(text) < 4 else rng.integers(4, 9))
        ink = int(rng.choice([255, 230, 200, 0], p=[0.6, 0.2, 0.1, 0.1]))
        paper = int(rng.choice([0, 255])) if rng.random() < 0.2 else None
        _text(drawn, None, text, place, height=height, ink=ink, paper=paper if paper != ink else None)
    return drawn


def _arrows(drawn: Gray, mask: Gray, rng: np.random.Generator) -> None:
    ink, size = _ink(rng), drawn.shape[0]
    thickness = int(rng.integers(1, 5))
    for _ in range(int(rng.integers(1, 5))):
        length = float(rng.uniform(0.05, 0.2)) * size
        degrees = float(rng.uniform(0, 360))
        _arrow(drawn, mask, _place(rng), degrees=degrees, length=length, ink=ink, thickness=thickness)


def _arrow(drawn: Gray, mask: Gray, place: Point, *, degrees: float, length: float, ink: int, thickness: int) -> None:
    size = drawn.shape[0]
    step = length * np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    tail = np.array(place) * size
    ends = [(round(float(x)), round(float(y))) for x, y in (tail, tail + step)]
    tip = float(min(0.6, 0.25 + 4 * thickness / max(length, 1.0)))
    for canvas, value in ((mask, 255), (drawn, ink)):
        cv2.arrowedLine(canvas, ends[0], ends[1], value, thickness, cv2.LINE_AA, 0, tip)


def _block_arrows(drawn: Gray, mask: Gray, rng: np.random.Generator) -> None:
    outline = np.array([(-1, -0.3), (0.1, -0.3), (0.1, -0.75), (1, 0), (0.1, 0.75), (0.1, 0.3), (-1, 0.3)])
    _polygons(drawn, mask, rng, outline, (0.02, 0.07))


def _arrowheads(drawn: Gray, mask: Gray, rng: np.random.Generator) -> None:
    outline = np.array([(-0.8, -0.6), (1, 0), (-0.8, 0.6)])
    if rng.random() < 0.3:
        outline = np.insert(outline, 3, (-0.3, 0), axis=0)
    _polygons(drawn, mask, rng, outline, (0.012, 0.04))


def _polygons(
    drawn: Gray, mask: Gray, rng: np.random.Generator, outline: NDArray[np.float64], sizes: tuple[float, float]
) -> None:
    ink, radius = _ink(rng), float(rng.uniform(*sizes)) * drawn.shape[0]
    edge = 255 - ink if rng.random() < 0.35 else None
    for _ in range(int(rng.integers(1, 6))):
        angle = rng.uniform(0, 2 * np.pi)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        centre = np.array(_place(rng)) * drawn.shape[0]
        points = np.rint(8 * (outline @ turn.T * radius + centre)).astype(np.int32)
        for canvas, value in ((mask, 255), (drawn, ink)):
            cv2.fillPoly(canvas, [points], value, cv2.LINE_AA, 3)
        if edge is not None:
            cv2.polylines(drawn, [points], True, edge, 1, cv2.LINE_AA, 3)


def _frame(drawn: Gray, mask: Gray, rng: np.random.Generator) -> None:
    size, ink, thickness = drawn.shape[0], _ink(rng), int(rng.integers(1, 4))
    corner = np.array(_place(rng)) * size * 0.8
    sides = rng.uniform(0.08, 0.35, 2) * size
    first, second = ((round(float(x)), round(float(y))) for x, y in (corner, corner + sides))
    is_box = rng.random() < 0.5
    axes = max(2, int(sides[0] / 2)), max(2, int(sides[1] / 2))
    for canvas, value in ((mask, 255), (drawn, ink)):
        if is_box:
            cv2.rectangle(canvas, first, second, value, thickness, cv2.LINE_AA)
        else:
            cv2.ellipse(canvas, first, axes, 0, 0, 360, value, thickness, cv2.LINE_AA)


def _cells(drawn: Gray, mask: Gray, rng: np.random.Generator) -> None:
    height = int(rng.integers(7, 13))
    for column in (0.2, 0.8):
        for row in (0.3, 0.5, 0.7):
            place = column + float(rng.uniform(-0.03, 0.03)), row
            _text(drawn, mask, str(rng.integers(0, 4)), place, height=height, ink=0, paper=255)


def _words(drawn: Gray, mask: Gray, rng: np.random.Generator) -> None:
    text = str(rng.choice(_WORDS))
    if rng.random() < 0.75:
        dates = f"{rng.integers(2019, 2022)}{rng.choice(['-', '/', '.'])}{rng.integers(1, 13)}/{rng.integers(1, 29)}"
        text = dates if rng.random() < 0.4 else f"{text} {rng.integers(1, 30)}"
    ink = _ink(rng)
    paper = 255 - ink if rng.random() < 0.3 else None
    down = rng.uniform(0.82, 0.93) if rng.random() < 0.7 else rng.uniform(0.2, 0.8)
    place = float(rng.uniform(0.02, 0.6)), float(down)
    _text(drawn, mask, text, place, height=int(rng.integers(7, 16)), ink=ink, paper=paper)


def _symbols(drawn: Gray, mask: Gray, rng: np.random.Generator) -> None:
    text, ink = str(rng.choice(["*", "+", "x", "A", "1", "2", "?"])), _ink(rng)
    for _ in range(int(rng.integers(1, 4))):
        _text(drawn, mask, text, _place(rng), height=int(rng.integers(8, 20)), ink=ink, paper=None)


def _text(drawn: Gray, mask: Gray | None, text: str, place: Point, *, height: int, ink: int, paper: int | None) -> None:
    size = drawn.shape[0]
    corner = place[0] * size, place[1] * size
    canvas = Image.fromarray(drawn)
    pen = ImageDraw.Draw(canvas)
    box = pen.textbbox(corner, text, font=_font(height))
    if paper is not None:
        pen.rectangle((box[0] - 2, box[1] - 2, box[2] + 2, box[3] + 2), fill=paper)
    pen.text(corner, text, fill=ink, font=_font(height))
    drawn[...] = np.asarray(canvas)
    if mask is not None:
        left, top, right, bottom = (max(0, int(value)) for value in box)
        mask[top : bottom + 1, left : right + 1] = 255


@functools.cache
def _font(height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(height)


def _ink(rng: np.random.Generator) -> int:
    return int(rng.choice([255, 240, 200, 120, 60, 0], p=[0.45, 0.1, 0.08, 0.06, 0.06, 0.25]))


def _place(rng: np.random.Generator) -> Point:
    return float(rng.uniform(0.1, 0.86)), float(rng.uniform(0.15, 0.9))
