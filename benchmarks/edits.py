"""What people do to images before they publish them again: the edits that copies are planted with."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def arrow(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Draw an arrow of a fifth of the shorter side, white four times of five, else black."""
    drawn = pixels.copy()
    rows, columns = drawn.shape
    side, angle = min(rows, columns), rng.uniform(0, 2 * np.pi)
    centre = np.array([rng.uniform(0.25, 0.75) * columns, rng.uniform(0.25, 0.75) * rows])
    half = 0.1 * side * np.array([np.cos(angle), np.sin(angle)])
    tail, tip = (tuple(int(value) for value in point) for point in (centre - half, centre + half))
    colour = 255 if rng.random() < 0.8 else 0
    cv2.arrowedLine(drawn, tail, tip, colour, max(2, side // 80), tipLength=0.35)
    return drawn


def rotate(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Turn by 3 degrees, either way; what comes in is black."""
    rows, columns = pixels.shape
    turn = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), 3.0 * rng.choice([-1, 1]), 1.0)
    return cv2.warpAffine(pixels, turn, (columns, rows))


def mirror(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Swap left and right."""
    del rng
    return pixels[:, ::-1].copy()


def crop(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Keep 80 % of each side, anywhere."""
    rows, columns = (int(0.8 * side) for side in pixels.shape)
    top, left = rng.integers(0, pixels.shape[0] - rows + 1), rng.integers(0, pixels.shape[1] - columns + 1)
    return pixels[top : top + rows, left : left + columns].copy()


def caption(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Append a strip of a tenth of the height with words on it, black on white or white on black."""
    height = max(12, pixels.shape[0] // 10)
    paper, ink = (0, 255) if rng.random() < 0.5 else (255, 0)
    strip = np.full((height, pixels.shape[1]), paper, np.uint8)
    words, font = "Figure 2. Chest radiograph, day 3", cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(strip, words, (4, int(0.7 * height)), font, height / 45, ink, max(1, height // 20))
    return np.vstack([pixels, strip])


def gamma(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Apply a gamma of 0.6 to 1.6: one of the two ends half of the time."""
    power = rng.choice([0.6, 1.6]) if rng.random() < 0.5 else rng.uniform(0.6, 1.6)
    return np.rint(255.0 * (pixels / 255.0) ** power).astype(np.uint8)


def resize(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Scale to a quarter of each side."""
    del rng
    rows, columns = pixels.shape
    return cv2.resize(pixels, (max(1, columns // 4), max(1, rows // 4)), interpolation=cv2.INTER_AREA)


def jpeg(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Compress as JPEG of quality 30."""
    del rng
    return cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_GRAYSCALE)


# In the order in which they are applied when there are two.
EDITS: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    "arrow": arrow,
    "rotate": rotate,
    "mirror": mirror,
    "crop": crop,
    "caption": caption,
    "gamma": gamma,
    "resize": resize,
    "jpeg": jpeg,
}
VARIANTS: tuple[tuple[str, ...], ...] = (*((name,) for name in EDITS), *combinations(EDITS, 2))


def edit(pixels: Pixels, variant: tuple[str, ...], rng: np.random.Generator) -> Pixels:
    """Return gray (H, W) pixels after one or two edits."""
    for name in variant:
        pixels = EDITS[name](pixels, rng)
    return pixels
