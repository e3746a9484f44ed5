"""What every audit works on: images at the network's size, their patients and sources, the network, the lungs.

An audit never opens a file; who fills the context is ``run`` (from a bundle and a dataset) or a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import EvaluationError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.metrics.checks import BoolArray, FloatArray, IntArray
from covidcxr.metrics.settings import IntervalSettings

Images = NDArray[np.uint8]
AUDIT_INTERVALS = IntervalSettings(rounds=1000)


class Judge(Protocol):
    """A network as an audit sees it: images in, probabilities or features out."""

    def probabilities(self, images: Images) -> FloatArray:
        """Return probabilities (N, C) of squeezed images, uint8 (N, S, S), bone bright."""
        ...

    def features(self, images: Images) -> FloatArray:
        """Return what the network sees in squeezed images (N, S, S) before its last layers, (N, F)."""
        ...


class LungMasker(Protocol):
    """What finds the lungs."""

    def regions(self, films: Images) -> LungRegions:
        """Return the lungs of images, uint8 (N, M, M)."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class LungRegions:
    """Where the lungs are in N square images.

    Attributes:
        masks: bool (N, M, M), both lungs; the box where none were found.
        boxes: float (N, 4): top, bottom, left, right around both, as shares of the side.
        found: bool (N,); False where the box is a guess.
    """

    masks: BoolArray
    boxes: FloatArray
    found: BoolArray

    def box_masks(self, size: int, *, margin: float = 0.04) -> BoolArray:
        """Return the boxes, widened by ``margin`` of the side on each side, as masks (N, size, size)."""
        edges = np.clip(self.boxes + np.array([-margin, margin, -margin, margin]), 0.0, 1.0) * size
        centres = np.arange(size) + 0.5
        rows = (centres >= edges[:, [0]]) & (centres <= edges[:, [1]])
        columns = (centres >= edges[:, [2]]) & (centres <= edges[:, [3]])
        return np.asarray(rows[:, :, np.newaxis] & columns[:, np.newaxis, :])

    def common_box(self, size: int, *, margin: float = 0.04) -> BoolArray:
        """Return one box (size, size) for all lungs of the set, so that its place tells nothing of any.

        It holds the lungs of at least 80 % of the images on each side, and leaves the outer 8 % of it free, which
        lungs that touch the image's edge would otherwise cover too.
        """
        low, high = np.percentile(self.boxes, [10, 90], axis=0)
        inner = 0.08 + margin
        box = np.clip(np.array([[low[0], high[1], low[2], high[3]]]), inner, 1.0 - inner)
        one = LungRegions(masks=self.masks[:1], boxes=box, found=self.found[:1])
        return np.asarray(one.box_masks(size, margin=margin)[0])

    def masks_at(self, size: int) -> BoolArray:
        """Return the masks at another size, nearest neighbour, (N, size, size)."""
        taken = ((np.arange(size) + 0.5) * self.masks.shape[1] / size).astype(np.int64)
        return self.masks[:, taken[:, np.newaxis], taken]


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSet:
    """N images and what is known of them.

    Attributes:
        images: uint8 (N, S, S), squeezed to the network's size, before its intensity step.
        labels: int64 (N,), positions in the classes.
        groups: (N,) patients (joined with duplicates).
        sources: (N,) names of the sources.
        ages: (N,) in years, the middle of a span that a source states of all its patients; NaN if unknown.
    """

    images: Images
    labels: IntArray
    groups: NDArray[np.str_]
    sources: NDArray[np.str_]
    ages: FloatArray

    def __post_init__(self) -> None:
        counts = {len(self.images), len(self.labels), len(self.groups), len(self.sources), len(self.ages)}
        if len(counts) != 1 or not len(self.images):
            raise EvaluationError(
                f"audit: found {sorted(counts)} images, labels, groups; expected as many of each, not 0"
            )

    def where(self, keep: NDArray[np.bool_] | IntArray) -> ImageSet:
        """Return the chosen images."""
        return ImageSet(
            images=self.images[keep],
            labels=self.labels[keep],
            groups=self.groups[keep],
            sources=self.sources[keep],
            ages=self.ages[keep],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class AuditContext:
    """One network on one dataset.

    Attributes:
        classes: In the order of the network's outputs.
        focus: The class whose recognition is at stake (COVID-19 where it is one of them).
        test: The images judged.
        images: uint8 (N, M, M): the same images, large enough to find lungs in.
        train: Images that simple probes are fitted on; None fits them on other patients of ``test`` in turn.
        judge: The network.
        masker: Finds the lungs.
        intervals: How intervals are made; the seed is that of everything random.
        progress: Listens.
    """

    classes: tuple[str, ...]
    focus: str
    test: ImageSet
    films: Images
    train: ImageSet | None
    judge: Judge
    masker: LungMasker
    intervals: IntervalSettings = AUDIT_INTERVALS
    progress: Progress = SILENT

    @property
    def seed(self) -> int:
        """Of everything random."""
        return self.intervals.seed

    @property
    def size(self) -> int:
        """Rows and columns of the network's input."""
        return int(self.test.images.shape[1])

    @cached_property
    def baseline(self) -> FloatArray:
        """Probabilities (N, C) of the unaltered test images."""
        return self.judge.probabilities(self.test.images)

    @cached_property
    def regions(self) -> LungRegions:
        """Lungs of the test images."""
        return self.masker.regions(self.films)

    @cached_property
    def test_features(self) -> FloatArray:
        """The network's features (N, F) of the test images."""
        return self.judge.features(self.test.images)

    @cached_property
    def train_features(self) -> FloatArray | None:
        """The network's features of the training images; None without them."""
        return None if self.train is None else self.judge.features(self.train.images)

    def generator(self, salt: int) -> np.random.Generator:
        """Return a generator of its own for one audit, so that leaving one out changes no other."""
        return np.random.default_rng([self.seed, salt])
