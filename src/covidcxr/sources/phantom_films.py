"""Synthetic chest radiographs: computed pictures that look a little like radiographs and stand for no patient.

An image is a map of attenuation built from soft shapes (trunk, lungs, ribs, spine, heart, diaphragm, opacities) and
then exposed with random brightness, contrast and noise that do not depend on the class: a network has to look at
the lungs. Where the images go is known to ``phantoms``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Kind = Literal["normal", "pneumonia", "covid", "lateral", "ct"]
Grid = NDArray[np.floating]


@dataclass(frozen=True, kw_only=True, slots=True)
class Anatomy:
    """What varies from person to person; lengths in half-widths of the image, x to the right of the image."""

    trunk_width: float
    lung_width: float
    lung_height: float
    lung_offset: float
    heart_size: float
    rib_spacing: float
    tilt: float


def draw_film(generator: np.random.Generator, kind: Kind, *, size: int = 256) -> NDArray[np.uint8]:
    """Return one image, uint8 (rows, columns), bone bright, its longer side ``size`` pixels.

    ``normal`` has clear lungs, ``pneumonia`` one dense consolidation in one lung, ``covid`` several hazy patches in
    the periphery of both lungs; ``lateral`` and ``ct`` are the views that a compiler must leave out.
    """
    anatomy = draw_anatomy(generator)
    columns = size
    rows = max(8, round(size / generator.uniform(1.0, 1.25)))
    x, y = _grid(rows, columns, anatomy.tilt)
    if kind == "ct":
        attenuation = _slice(x, y, anatomy)
    elif kind == "lateral":
        attenuation = _side(x, y, anatomy)
    else:
        attenuation = _front(x, y, anatomy) + _opacities(generator, x, y, anatomy, kind)
    return _expose(generator, attenuation)


def draw_anatomy(generator: np.random.Generator) -> Anatomy:
    """Return the build of one synthetic person."""
    return Anatomy(
        trunk_width=generator.uniform(0.85, 1.0),
        lung_width=generator.uniform(0.27, 0.35),
        lung_height=generator.uniform(0.58, 0.74),
        lung_offset=generator.uniform(0.38, 0.44),
        heart_size=generator.uniform(0.85, 1.15),
        rib_spacing=generator.uniform(0.15, 0.19),
        tilt=generator.uniform(-0.05, 0.05),
    )


def _grid(rows: int, columns: int, tilt: float) -> tuple[Grid, Grid]:
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j].astype(np.float32)
    cosine, sine = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
    return x * cosine + y * sine, y * cosine - x * sine


def _ellipse(x: Grid, y: Grid, centre: tuple[float, float], radii: tuple[float, float], edge: float = 0.08) -> Grid:
    """Return 1 inside, 0 outside, with a soft edge of relative width ``edge``."""
    distance = np.sqrt(((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2)
    return _fade((distance - 1.0) / edge)


def _fade(distance: Grid) -> Grid:
    """Return 1 where ``distance`` is far below 0, and 0 where it is far above."""
    soft: Grid = 1.0 / (1.0 + np.exp(np.clip(distance, -30.0, 30.0)))
    return soft


def _lungs(x: Grid, y: Grid, anatomy: Anatomy) -> Grid:
    radii = (anatomy.lung_width, anatomy.lung_height)
    sides = [_ellipse(x, y, (side * anatomy.lung_offset, -0.08), radii) for side in (-1.0, 1.0)]
    dome = _fade((y - 0.45 - 0.12 * np.abs(x)) / 0.03)
    lungs: Grid = np.clip(sides[0] + sides[1], 0.0, 1.0) * dome
    return lungs


def _front(x: Grid, y: Grid, anatomy: Anatomy) -> Grid:
    trunk = _ellipse(x, y, (0.0, 0.35), (anatomy.trunk_width, 1.35), edge=0.05)
    lungs = _lungs(x, y, anatomy)
    spine = np.exp(-((x / 0.09) ** 2)) * (1.0 + 0.15 * np.sin(y * 34.0))
    heart = _ellipse(x, y, (0.10, 0.22), (0.26 * anatomy.heart_size, 0.30 * anatomy.heart_size), edge=0.10)
    arc = y - 0.45 * x**2
    ribs = np.clip(np.cos(2.0 * np.pi * arc / anatomy.rib_spacing), 0.35, 1.0) - 0.35
    cage = _ellipse(x, y, (0.0, -0.05), (0.82, 0.85), edge=0.05)
    clavicles = np.exp(-(((y + 0.62 + 0.25 * np.abs(np.abs(x) - 0.35)) / 0.035) ** 2)) * (np.abs(x) < 0.75)
    film: Grid = 0.85 * trunk - 0.55 * lungs * trunk + 0.35 * spine * trunk + 0.30 * heart
    film += 0.14 * ribs * cage + 0.15 * clavicles
    return film


def _opacities(generator: np.random.Generator, x: Grid, y: Grid, anatomy: Anatomy, kind: Kind) -> Grid:
    """Return what the disease adds to the attenuation; zero for ``normal``."""
    total: Grid = np.zeros_like(x)
    if kind == "pneumonia":
        side = generator.choice([-1.0, 1.0])
        centre = (side * (anatomy.lung_offset + generator.uniform(-0.08, 0.04)), generator.uniform(-0.45, 0.30))
        radii = (generator.uniform(0.16, 0.26), generator.uniform(0.14, 0.22))
        total += generator.uniform(0.40, 0.55) * _ellipse(x, y, centre, radii, edge=0.12)
    elif kind == "covid":
        for side in (-1.0, 1.0):
            for _ in range(int(generator.integers(3, 6))):
                reach = anatomy.lung_offset + anatomy.lung_width * generator.uniform(0.25, 0.75)
                centre = (side * reach, generator.uniform(-0.35, 0.40))
                radii = (generator.uniform(0.07, 0.14), generator.uniform(0.08, 0.18))
                total += generator.uniform(0.18, 0.30) * _ellipse(x, y, centre, radii, edge=0.45)
    return total * _lungs(x, y, anatomy)


def _side(x: Grid, y: Grid, anatomy: Anatomy) -> Grid:
    trunk = _ellipse(x, y, (0.0, 0.3), (0.70, 1.3), edge=0.05)
    lung = _ellipse(x, y, (0.05, -0.10), (0.50, anatomy.lung_height), edge=0.08)
    column = np.exp(-(((x - 0.55 + 0.15 * y) / 0.10) ** 2)) * (1.0 + 0.3 * np.sin(y * 30.0))
    heart = _ellipse(x, y, (-0.25, 0.25), (0.25, 0.28), edge=0.10)
    film: Grid = 0.85 * trunk - 0.50 * lung + 0.30 * column * trunk + 0.30 * heart
    return film


def _slice(x: Grid, y: Grid, anatomy: Anatomy) -> Grid:
    body = _ellipse(x, y, (0.0, 0.0), (0.90, 0.70), edge=0.02)
    lungs = sum(_ellipse(x, y, (s * 0.42, -0.02), (anatomy.lung_width, 0.48), edge=0.03) for s in (-1.0, 1.0))
    vertebra = _ellipse(x, y, (0.0, 0.42), (0.13, 0.13), edge=0.05)
    film: Grid = 0.60 * body - 0.55 * lungs + 0.45 * vertebra
    return film


def _expose(generator: np.random.Generator, attenuation: Grid) -> NDArray[np.uint8]:
    """Turn attenuation into grey values whose mean and spread are drawn apart from what the image shows."""
    rows, columns = attenuation.shape
    coarse = generator.normal(0.0, 1.0, (8, 8)).astype(np.float32)
    texture = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
    film = attenuation + 0.03 * texture + generator.normal(0.0, 0.02, attenuation.shape).astype(np.float32)
    film = (film - film.mean()) / max(float(film.std()), 1e-6)
    grey = generator.uniform(0.42, 0.58) + generator.uniform(0.17, 0.23) * film
    pixels: NDArray[np.uint8] = np.round(np.clip(grey, 0.0, 1.0) * 255.0).astype(np.uint8)
    return pixels
