"""A small synthetic dataset and networks whose shortcut is known because they are written by hand."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from covidcxr.audit.context import AuditContext, ImageSet, LungRegions
from covidcxr.audit.lung_regions import boxed
from covidcxr.metrics.settings import IntervalSettings

SIZE = 48
CLASSES = ("COVID-19", "Normal")
Score = Callable[[np.ndarray], np.ndarray]


class CentralBoxMasker:
    """Takes the central box of every picture for the lungs: for pictures that are no radiographs."""

    def regions(self, films: np.ndarray) -> LungRegions:
        return boxed(films, [None] * len(films))


class ScoreJudge:
    """A network that is one number an image: the higher, the more COVID-19."""

    def __init__(self, score: Score) -> None:
        self._score = score

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        share = 1.0 / (1.0 + np.exp(-self._score(images.astype(np.float64))))
        return np.stack([share, 1.0 - share], axis=1)

    def features(self, images: np.ndarray) -> np.ndarray:
        small = [cv2.resize(image, (4, 4), interpolation=cv2.INTER_AREA).ravel() for image in images]
        return np.asarray(small, dtype=np.float64)


def lung_score(images: np.ndarray) -> np.ndarray:
    """Roughness in the middle of the image against that around it: where the synthetic disease is."""
    outside = np.concatenate([images[:, :8].reshape(len(images), -1), images[:, 40:].reshape(len(images), -1)], axis=1)
    return 5.0 * (images[:, 12:36, 12:36].std(axis=(1, 2)) / (outside.std(axis=1) + 1.0) - 1.0)


def corner_score(images: np.ndarray) -> np.ndarray:
    return (images[:, 2:7, 2:6].mean(axis=(1, 2)) - 120.0) / 10.0


def brightness_score(images: np.ndarray) -> np.ndarray:
    return (images.mean(axis=(1, 2)) - 128.0) / 20.0


def draw(generator: np.random.Generator, count: int) -> ImageSet:
    """Return images of noise; class 0 is rougher in the middle, hidden from sums over the image by exposure."""
    labels = np.arange(count) % 2
    noise = generator.normal(size=(count, SIZE, SIZE))
    middle = np.zeros((SIZE, SIZE), dtype=bool)
    middle[12:36, 12:36] = True
    spread = np.where(middle, np.where(labels == 0, 31.0, 25.0)[:, None, None], 28.0)
    spread *= generator.uniform(0.5, 1.4, (count, 1, 1))
    images = np.clip(118 + spread * noise, 0, 255).astype(np.uint8)
    return ImageSet(
        images=images,
        labels=labels,
        groups=np.array([f"p{index // 2}-{index % 2}" for index in range(count)]),
        sources=generator.choice(["north", "south"], count),
        ages=generator.uniform(5, 80, count),
    )


def make_context(
    score: Score, change: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None, **more: object
) -> AuditContext:
    generator = np.random.default_rng(11)
    parts = []
    for count in (160, 160):
        part = draw(generator, count)
        if change is not None:
            part = ImageSet(
                images=change(part.images, part.labels == 0),
                labels=part.labels,
                groups=part.groups,
                sources=part.sources,
                ages=part.ages,
            )
        parts.append(part)
    train, test = parts
    train = ImageSet(
        images=train.images,
        labels=train.labels,
        groups=np.char.add("train-", train.groups),
        sources=train.sources,
        ages=train.ages,
    )
    values = {
        "classes": CLASSES,
        "focus": "COVID-19",
        "test": test,
        "films": test.images,
        "train": train,
        "judge": ScoreJudge(score),
        "masker": CentralBoxMasker(),
        "intervals": IntervalSettings(rounds=200),
    }
    return AuditContext(**(values | more))
