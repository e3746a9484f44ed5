"""Pictures that are no radiographs, for networks that must say so: photographs, pages, charts, noise, torn images.

The photographs are random crops of those that installed packages carry: two of scikit-learn (CC BY 2.0), two of
matplotlib, and half of scikit-image's where that is installed; the other half is kept to measure with. Everything else
is drawn here.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]
_SENTENCES = "the quick report shows no sign of an error in line 42 : value = 3.14 (mean) File Edit View Help OK"
_WORDS = _SENTENCES.split(" ")


def draw_other_picture(generator: np.random.Generator, size: int) -> Gray:
    """Return a random picture (size, size) that is no radiograph."""
    kinds: tuple[Callable[[np.random.Generator, int], Gray], ...] = (
        _photograph,
        _photograph,
        _page,
        _chart,
        _shapes,
        _clouds,
        _noise,
        _leaves,
        _leaves,
        _fractal,
    )
    kind = kinds[int(generator.integers(len(kinds)))]
    return kind(generator, size)


def tear_film(film: Gray, generator: np.random.Generator) -> Gray:
    """Return an image (S, S) cut into tiles that are put back in random order: its texture without its anatomy."""
    size = film.shape[0]
    count = int(generator.choice([2, 3, 4, 5]))
    side = size // count
    tiles = [
        film[row * side : (row + 1) * side, column * side : (column + 1) * side]
        for row in range(count)
        for column in range(count)
    ]
    order = np.roll(np.arange(len(tiles)), int(generator.integers(1, len(tiles))))
    if generator.random() < 0.7:
        order = generator.permutation(len(tiles))
        while np.array_equal(order, np.arange(len(tiles))):
            order = generator.permutation(len(tiles))
    rows = [np.hstack([tiles[order[row * count + column]] for column in range(count)]) for row in range(count)]
    return np.asarray(cv2.resize(np.vstack(rows), (size, size), interpolation=cv2.INTER_AREA), np.uint8)


@functools.cache
def _photographs() -> tuple[Gray, ...]:
    from sklearn.datasets import load_sample_images

    photographs = [
        np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8) for image in load_sample_images().images
    ]
    return (*photographs, *(picture for path in training_pictures() if (picture := _gray(path)) is not None))


def training_pictures() -> list[Path]:
    """Return the pictures of matplotlib and scikit-image that are trained on."""
    from matplotlib import get_data_path

    paths = sorted(Path(get_data_path(), "sample_data").glob("*.jpg"))
    return [*paths, *(path for path in scikit_image_pictures() if not is_kept_unseen(path))]


def scikit_image_pictures() -> list[Path]:
    """Return the pictures that scikit-image carries; none if it is not installed."""
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        return []
    folder = Path(found.origin).parent / "data"
    return sorted([*folder.glob("*.png"), *folder.glob("*.jpg")])


def is_kept_unseen(path: Path) -> bool:
    """Return whether a picture is only measured on: about half of them, by a hash of the name."""
    return hashlib.sha256(path.name.encode()).digest()[0] % 2 == 0


def _gray(path: Path) -> Gray | None:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    return None if picture is None else np.asarray(picture, np.uint8)


def _photograph(generator: np.random.Generator, size: int) -> Gray:
    photographs = _photographs()
    photograph = photographs[int(generator.integers(len(photographs)))]
    rows, columns = photograph.shape
    side = max(8, int(generator.uniform(0.2, 1.0) * min(rows, columns)))
    top, left = int(generator.integers(0, rows - side + 1)), int(generator.integers(0, columns - side + 1))
    crop = photograph[top : top + side, left : left + side]
    crop = np.rot90(crop, int(generator.integers(4)))
    return np.asarray(cv2.resize(np.ascontiguousarray(crop), (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _page(generator: np.random.Generator, size: int) -> Gray:
    paper, ink = (255, 20) if generator.random() < 0.7 else (25, 230)
    page = np.full((2 * size, 2 * size), paper, dtype=np.uint8)
    height = float(generator.uniform(0.3, 1.2))
    step = max(8, int(height * generator.uniform(24, 40)))
    margin = int(generator.uniform(0.0, 0.15) * size)
    for row in range(step + margin, 2 * size - margin, step):
        if generator.random() < 0.15:
            continue
        line = " ".join(str(word) for word in generator.choice(_WORDS, size=int(generator.integers(2, 14))))
        cv2.putText(page, line, (margin, row), cv2.FONT_HERSHEY_SIMPLEX, height, (ink,), 1, cv2.LINE_AA)
    if generator.random() < 0.4:  # a window of a program
        cv2.rectangle(page, (0, 0), (2 * size, step), (int(generator.integers(60, 200)),), cv2.FILLED)
    return np.asarray(cv2.resize(page, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _chart(generator: np.random.Generator, size: int) -> Gray:
    chart = np.full((size, size), int(generator.choice([255, 245, 30])), dtype=np.uint8)
    low, high = int(0.12 * size), int(0.9 * size)
    cv2.line(chart, (low, high), (high, high), (128,), 1)
    cv2.line(chart, (low, high), (low, low), (128,), 1)
    count = int(generator.integers(3, 14))
    places = np.linspace(low + 4, high - 4, count).astype(int)
    heights = (generator.uniform(0.15, 0.9, size=count) * (high - low)).astype(int)
    if generator.random() < 0.5:
        width = max(1, (high - low) // count // 2)
        for place, height in zip(places, heights, strict=True):
            tone = int(generator.integers(0, 200))
            cv2.rectangle(chart, (int(place), high - int(height)), (int(place) + width, high), (tone,), cv2.FILLED)
    else:
        for _ in range(int(generator.integers(1, 4))):
            curve = np.stack([places, high - generator.permutation(heights)], axis=1).astype(np.int32)
            cv2.polylines(chart, [curve], False, (int(generator.integers(0, 200)),), 1, cv2.LINE_AA)
    return chart


def _shapes(generator: np.random.Generator, size: int) -> Gray:
    picture = np.full((size, size), int(generator.integers(0, 256)), dtype=np.uint8)
    for _ in range(int(generator.integers(1, 9))):
        centre = (int(generator.integers(0, size)), int(generator.integers(0, size)))
        axes = (int(generator.integers(2, size // 2)), int(generator.integers(2, size // 2)))
        tone = int(generator.integers(0, 256))
        if generator.random() < 0.5:
            cv2.ellipse(picture, centre, axes, float(generator.uniform(0, 180)), 0, 360, (tone,), cv2.FILLED)
        else:
            cv2.rectangle(picture, centre, (centre[0] + axes[0], centre[1] + axes[1]), (tone,), cv2.FILLED)
    return picture


def _clouds(generator: np.random.Generator, size: int) -> Gray:
    cells = int(generator.integers(2, 24))
    coarse = generator.random((cells, cells)).astype(np.float32)
    cloud = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(cloud * 255, 0, 255), np.uint8)


def _noise(generator: np.random.Generator, size: int) -> Gray:
    spread = float(generator.uniform(0, 60))
    noise = generator.normal(generator.uniform(0, 255), spread, size=(size, size))
    if generator.random() < 0.5:
        ramp = np.linspace(0, 255, size)
        noise = noise * 0.3 + (ramp[:, None] if generator.random() < 0.5 else ramp[None, :])
    return np.asarray(np.clip(noise, 0, 255), np.uint8)


def _leaves(generator: np.random.Generator, size: int) -> Gray:
    """Return overlapping discs whose radii follow a power law, with the statistics of natural scenes.

    The dead-leaves model: Lee, Mumford & Huang 2001, doi:10.1023/A:1011109015675.
    """
    picture = np.full((size, size), int(generator.integers(0, 256)), dtype=np.uint8)
    count = int(generator.integers(60, 400))
    radii = np.minimum(2.0 / np.maximum(generator.random(count), 0.01) ** 0.7, size / 2)
    for radius in radii:
        centre = (int(generator.integers(-10, size + 10)), int(generator.integers(-10, size + 10)))
        axes = (max(1, int(radius)), max(1, int(radius * generator.uniform(0.2, 1.0))))
        tone = int(generator.integers(0, 256))
        cv2.ellipse(picture, centre, axes, float(generator.uniform(0, 180)), 0, 360, (tone,), cv2.FILLED)
    return _textured(picture, generator) if generator.random() < 0.6 else picture


def _fractal(generator: np.random.Generator, size: int) -> Gray:
    """Return noise whose spectrum falls as a power of the frequency, as that of landscapes does."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(generator.standard_normal((size, size))) / frequency ** generator.uniform(0.6, 2.2)
    field = np.fft.irfft2(spectrum, s=(size, size))
    low, high = np.quantile(field, [0.01, 0.99])
    return np.asarray(np.clip((field - low) / max(float(high - low), 1e-9) * 255, 0, 255), np.uint8)


def _textured(picture: Gray, generator: np.random.Generator) -> Gray:
    texture = _fractal(generator, picture.shape[0]).astype(np.float32) - 128
    return np.asarray(np.clip(picture + texture * generator.uniform(0.1, 0.5), 0, 255), np.uint8)
