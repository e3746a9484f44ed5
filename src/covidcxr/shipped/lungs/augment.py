"""Random changes that make the lung network indifferent to scanner, age, projection and decoration.

An image and its two masks are warped together (zoom, aspect, rotation, shear, mirror); then only the image's tones and
decoration change: gamma, windows, equalisation, opacities, borders, letters, tubes, blur, noise, JPEG. Inverted images
are left out on purpose: the input gate refuses them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from covidcxr.imaging.encoding import to_uint8

Floats = NDArray[np.float32]
_LETTERS = ("L", "R", "AP", "PA", "SUPINE", "PORTABLE", "a", "b", "C", "Day 4", "12:31", "SITTING", "DX", "SX")


@dataclass(frozen=True, kw_only=True)
class Strength:
    """How far the geometry may go: standard deviations, or the share of images that get a change."""

    zoom: float = 0.22
    aspect: float = 0.12
    degrees: float = 7.0
    shear: float = 0.05
    shift: float = 0.06
    mirror: float = 0.5


GENTLE = Strength(zoom=0.1, aspect=0.06, degrees=3.0, shear=0.02, shift=0.03)


def augment(
    pixels: Floats, masks: Floats, generator: np.random.Generator, *, strength: Strength = Strength()
) -> tuple[Floats, Floats]:
    """Return a changed copy of an image and of its masks.

    Args:
        pixels: (S, S) in [0, 1].
        masks: (2, S, S) in [0, 1]: right lung, left lung (the patient's; right lies on the image's left).
        generator: Source of all randomness.
        strength: How far the geometry goes.

    Returns:
        Image (S, S) in [0, 1] and masks (2, S / 2, S / 2), the share of each 2 x 2 cell that is lung.
    """
    gentle = generator.random() < 0.4  # most of these keep what real images look like
    pixels, masks = _warp(pixels, masks, generator, GENTLE if gentle else strength)
    lungs = masks.sum(axis=0)
    if generator.random() < 0.25:
        pixels = _opacify(pixels, lungs, generator)
    if not gentle or generator.random() < 0.3:
        pixels = _tones(pixels, generator)
        pixels = _degrade(_decorate(pixels, generator), generator)
    size = pixels.shape[0] // 2
    halves = [cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA) for mask in masks]
    return np.clip(pixels, 0.0, 1.0).astype(np.float32), np.stack(halves).astype(np.float32)


def _warp(pixels: Floats, masks: Floats, generator: np.random.Generator, strength: Strength) -> tuple[Floats, Floats]:
    size = pixels.shape[0]
    matrix = _affine(generator, strength, size)
    if generator.random() < strength.mirror:
        pixels, masks = pixels[:, ::-1], masks[::-1, :, ::-1]
    border = float(generator.choice([0.0, 0.0, 0.0, 1.0, float(np.median(pixels))]))
    mode = cv2.BORDER_REFLECT_101 if generator.random() < 0.1 and not masks.any() else cv2.BORDER_CONSTANT
    warped = cv2.warpAffine(
        np.ascontiguousarray(pixels), matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=mode, borderValue=border
    )
    moved = [cv2.warpAffine(np.ascontiguousarray(mask), matrix, (size, size), flags=cv2.INTER_LINEAR) for mask in masks]
    return np.asarray(warped, np.float32), np.asarray(moved, np.float32)


def _affine(generator: np.random.Generator, strength: Strength, size: int) -> Floats:
    zoom = float(np.exp(np.clip(generator.normal(-0.05, strength.zoom), -0.8, 0.45)))
    aspect = float(np.exp(generator.normal(0.0, strength.aspect)))
    degrees = generator.normal(0.0, strength.degrees) * (3.0 if generator.random() < 0.05 else 1.0)
    angle = np.deg2rad(degrees)
    shear = generator.normal(0.0, strength.shear)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.array([[1.0, shear], [0.0, 1.0]]) @ np.diag([zoom * np.sqrt(aspect), zoom / np.sqrt(aspect)])
    centre = np.full(2, size / 2)
    shift = generator.normal(0.0, strength.shift, size=2) * size
    offset = centre + shift - linear @ centre
    return np.column_stack([linear, offset]).astype(np.float32)


def _opacify(pixels: Floats, lungs: Floats, generator: np.random.Generator) -> Floats:
    """Whiten parts of the lungs as consolidation, collapse or effusion would; the mask stays."""
    size = pixels.shape[0]
    veil = _cloud(generator, size, cells=int(generator.integers(2, 7)))
    if generator.random() < 0.3:  # an effusion: white from below up to a level
        rows = np.arange(size, dtype=np.float32)[:, None] / size
        veil = np.clip((rows - generator.uniform(0.4, 0.8)) * 12.0, 0.0, 1.0) * np.ones_like(veil)
    weight = veil * cv2.GaussianBlur(lungs, (0, 0), 2.0) * generator.uniform(0.3, 1.0)
    white = np.quantile(pixels, generator.uniform(0.7, 0.95))
    return np.asarray(pixels * (1.0 - weight) + white * weight, np.float32)


def _cloud(generator: np.random.Generator, size: int, *, cells: int) -> Floats:
    coarse = generator.random((cells, cells)).astype(np.float32)
    cloud = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(cloud, 0.0, 1.0), np.float32)


def _tones(pixels: Floats, generator: np.random.Generator) -> Floats:
    draw = generator.random()
    if draw < 0.12:
        pixels = np.asarray(cv2.equalizeHist(to_uint8(pixels)), np.float32) / np.float32(255)
    elif draw < 0.24:
        local = cv2.createCLAHE(clipLimit=generator.uniform(1.0, 6.0), tileGridSize=(8, 8))
        pixels = np.asarray(local.apply(to_uint8(pixels)), np.float32) / np.float32(255)
    if generator.random() < 0.3:  # a window that cuts off the darkest and brightest tones
        low, high = np.quantile(pixels, [generator.uniform(0.0, 0.15), generator.uniform(0.8, 1.0)])
        pixels = np.asarray(np.clip((pixels - low) / max(float(high - low), 0.05), 0.0, 1.0), np.float32)
    pixels = np.power(np.clip(pixels, 0.0, 1.0), np.exp(generator.normal(0.0, 0.4)), dtype=np.float32)
    if generator.random() < 0.4:  # an uneven exposure
        pixels = pixels + (_cloud(generator, pixels.shape[0], cells=3) - 0.5) * generator.uniform(0.1, 0.5)
    return (pixels * generator.uniform(0.5, 1.1) + generator.uniform(-0.1, 0.25)).astype(np.float32)


def _decorate(pixels: Floats, generator: np.random.Generator) -> Floats:
    """Draw letters, tubes and borders, in 8 bits because OpenCV letters nothing else."""
    stored = to_uint8(pixels)
    size = stored.shape[0]
    for _ in range(int(generator.integers(0, 4))):
        place = (int(generator.integers(0, size)), int(generator.integers(0, size)))
        if generator.random() < 0.5:  # mostly in the upper corners, where real markers are
            place = (int(generator.choice([0.02, 0.85]) * size), int(generator.uniform(0.04, 0.2) * size))
        text = str(generator.choice(_LETTERS))
        tone = int(generator.choice([0, 255, 255]))
        height = float(generator.uniform(0.2, 0.8))
        cv2.putText(stored, text, place, cv2.FONT_HERSHEY_SIMPLEX, height, (tone,), 1, cv2.LINE_AA)
    if generator.random() < 0.25:
        _tube(stored, generator)
    if generator.random() < 0.25:
        _frame(stored, generator)
    return stored.astype(np.float32) / np.float32(255)


def _tube(stored: NDArray[np.uint8], generator: np.random.Generator) -> None:
    points = generator.uniform(0, stored.shape[0], size=(4, 2))
    steps = np.linspace(0, 1, 20)[:, None]
    curve = (1 - steps) ** 3 * points[0] + 3 * steps * (1 - steps) ** 2 * points[1]
    curve = curve + 3 * steps**2 * (1 - steps) * points[2] + steps**3 * points[3]
    tone, width = int(generator.integers(150, 256)), int(generator.integers(1, 3))
    cv2.polylines(stored, [curve.astype(np.int32)], False, (tone,), width, cv2.LINE_AA)


def _frame(stored: NDArray[np.uint8], generator: np.random.Generator) -> None:
    size = stored.shape[0]
    tone = int(generator.choice([0, 0, 255, 128]))
    widths = (generator.uniform(0.0, 0.07, size=4) * size * (generator.random(4) < 0.5)).astype(int)
    stored[: widths[0]] = tone
    stored[size - widths[1] :] = tone
    stored[:, : widths[2]] = tone
    stored[:, size - widths[3] :] = tone


def _degrade(pixels: Floats, generator: np.random.Generator) -> Floats:
    """Blur, coarsen or sharpen; add noise; pack as a poor JPEG."""
    size = pixels.shape[0]
    draw = generator.random()
    if draw < 0.15:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), generator.uniform(0.4, 2.0)), np.float32)
    elif draw < 0.3:
        small = int(generator.integers(size // 3, size))
        coarse = cv2.resize(pixels, (small, small), interpolation=cv2.INTER_AREA)
        pixels = np.asarray(cv2.resize(coarse, (size, size)), np.float32)
    elif draw < 0.4:
        soft = cv2.GaussianBlur(pixels, (0, 0), 1.5)
        pixels = np.asarray(pixels + (pixels - soft) * generator.uniform(0.5, 2.0), np.float32)
    if generator.random() < 0.3:
        noise = generator.standard_normal((size, size), dtype=np.float32)
        pixels = pixels + noise * np.float32(generator.uniform(0.005, 0.06))
    if generator.random() < 0.15:
        _, packed = cv2.imencode(".jpg", to_uint8(pixels), [cv2.IMWRITE_JPEG_QUALITY, int(generator.integers(15, 70))])
        pixels = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.float32) / np.float32(255)
    return pixels
