"""Pictures over images: lung outlines, heat maps in a colour-blind-safe map with its scale, as PNG.

What the heat map means is known to `covidcxr.explain`.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import ImageReadError
from covidcxr.imaging.encoding import to_uint8
from covidcxr.imaging.lungs.segment import LungFields

Colour = tuple[int, int, int]  # red, green, blue

# Okabe & Ito 2008, colours that every kind of colour vision tells apart.
RIGHT_COLOUR: Colour = (86, 180, 233)
LEFT_COLOUR: Colour = (230, 159, 0)
FAILED_COLOUR: Colour = (213, 94, 0)
_SCALE_WIDTH = 14
_FONT = cv2.FONT_HERSHEY_SIMPLEX
# Twelve samples of "cividis" (Nuñez, Anderton, Renslow 2018, doi:10.1371/journal.pone.0199239), which looks the same
# to people with and without colour-vision deficiency.
_CIVIDIS = (
    (0, 34, 78),
    (8, 51, 112),
    (53, 69, 108),
    (79, 87, 108),
    (102, 105, 112),
    (125, 124, 120),
    (148, 142, 119),
    (174, 163, 113),
    (200, 184, 102),
    (226, 205, 85),
    (245, 222, 65),
    (254, 232, 56),
)


def encode_png(image: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """Return a PNG of gray (H, W) values of 8 or 16 bits, or of uint8 RGB (H, W, 3) values."""
    stored = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".png", stored)
    if not done:
        raise ImageReadError(f"an image of shape {image.shape} could not be written as PNG", reason="undecodable")
    return data.tobytes()


def colour_table() -> NDArray[np.uint8]:
    """Return the 256 RGB colours (256, 3) of the map, dark blue for 0 and yellow for 255."""
    points = np.linspace(0, 255, len(_CIVIDIS))
    samples = np.array(_CIVIDIS, dtype=np.float64)
    channels = [np.interp(np.arange(256), points, samples[:, channel]) for channel in range(3)]
    table: NDArray[np.uint8] = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
    return table


def as_rgb(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return gray (H, W) values in [0, 1] as RGB (H, W, 3)."""
    return np.repeat(to_uint8(pixels)[:, :, None], 3, axis=2)


def outline_lungs(image: NDArray[np.float32] | NDArray[np.uint8], fields: LungFields) -> NDArray[np.uint8]:
    """Return RGB (H, W, 3) with the outline of each lung drawn, right blue and left orange.

    Args:
        image: Gray image (H, W) in [0, 1], or RGB uint8 (H, W, 3).
        fields: Its lung fields.
    """
    drawn = np.ascontiguousarray(as_rgb(image.astype(np.float32)) if image.ndim == 2 else image.astype(np.uint8))
    width = max(1, round(min(drawn.shape[:2]) / 200))
    for lung, colour in ((fields.right, RIGHT_COLOUR), (fields.left, LEFT_COLOUR)):
        outlines, _ = cv2.findContours(lung.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, outlines, -1, colour, width)
    return drawn


def heat_overlay(
    pixels: NDArray[np.float32], heat: NDArray[np.float32], fields: LungFields | None, *, failed: str = ""
) -> NDArray[np.uint8]:
    """Return RGB of an image under its heat map, with lung outlines and a colour scale at the right.

    The heat covers the image the more, the higher it is, so that a cold region shows the image itself.

    Args:
        pixels: Image (H, W) in [0, 1].
        heat: (H, W) in [0, 1].
        fields: Lungs to outline, if found.
        failed: Why the explanation cannot be believed; frames the picture and is written on it.

    Raises:
        ImageReadError: If image and heat differ in size.
    """
    if pixels.shape != heat.shape:
        raise ImageReadError(f"a heat map of {heat.shape} for an image of {pixels.shape}; expected one size")
    heat = np.clip(heat, 0.0, 1.0)
    colours = colour_table()[to_uint8(heat)].astype(np.float32)
    share = (0.75 * np.sqrt(heat))[:, :, None]
    mixed = (as_rgb(pixels) * (1.0 - share) + colours * share).round().astype(np.uint8)
    if fields is not None and fields.found:
        mixed = outline_lungs(mixed, fields)
    if failed:
        mixed = _stamp(mixed, failed)
    return np.hstack([mixed, _scale(mixed.shape[0])])


def _scale(rows: int) -> NDArray[np.uint8]:
    """Return the colour scale as RGB (rows, _, 3), 1 on top and 0 below."""
    ramp = np.linspace(255, 0, rows).round().astype(np.uint8)
    bar = np.repeat(colour_table()[ramp][:, None], _SCALE_WIDTH, axis=1)
    panel = np.full((rows, _SCALE_WIDTH + 22, 3), 255, dtype=np.uint8)
    panel[:, 4 : 4 + _SCALE_WIDTH] = bar
    for text, row in (("1", 12), ("0", rows - 4)):
        cv2.putText(panel, text, (_SCALE_WIDTH + 7, row), _FONT, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return panel


def _stamp(image: NDArray[np.uint8], sentence: str) -> NDArray[np.uint8]:
    stamped = np.ascontiguousarray(image)
    rows, columns = stamped.shape[:2]
    width = max(2, round(min(rows, columns) / 80))
    cv2.rectangle(stamped, (0, 0), (columns - 1, rows - 1), FAILED_COLOUR, width)
    text = f"NOT TO BE BELIEVED: {sentence}"
    (length, height), _ = cv2.getTextSize(text, _FONT, 1.0, 1)
    scale = min(0.6, (columns - 4 * width) / max(1, length))
    band = round(height * scale) + 4 * width
    stamped[:band] = FAILED_COLOUR
    cv2.putText(stamped, text, (2 * width, band - 2 * width), _FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)
    return stamped
