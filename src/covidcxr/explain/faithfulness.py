"""Checks on an explanation: deletion and insertion, randomised weights, agreement between methods and copies.

A heat map that passes is not right; one that fails is wrong, or says nothing about this network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from covidcxr.explain.focus import positive, rank_agreement

if TYPE_CHECKING:
    from torch import Tensor

    from covidcxr.explain.method import Method
    from covidcxr.models.network import ChestNetwork

Score = Callable[[NDArray[np.float32]], NDArray[np.float64]]

CELLS = 14  # the image is deleted and inserted in 14 x 14 cells
STEPS = 10
_MOVES = ((CELLS // 2, 0), (0, CELLS // 2), (CELLS // 2, CELLS // 2))  # down, across, both; what leaves comes back
MIN_EFFECT = 0.05  # of blurring the whole image; below it no order of deletion can be told from another
MAX_RANDOMISED_AGREEMENT = 0.7
MIN_COPY_AGREEMENT = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class Checks:
    """How one explanation stood up.

    Attributes:
        deletion, insertion: Areas under the probability while the hottest cells are deleted, or inserted, first
            (Petsiuk 2018, arXiv:1806.07421); low and high are good.
        moved_deletion, moved_insertion: The same for the map moved by half the image, the mean of three moves. A map
            that means nothing is as good moved; cells in random order are no measure, because an image with scattered
            holes puzzles a network more than one with a large hole, whatever lies there (docs/experiments.md).
        deletion_curve, insertion_curve: Probability after each step, first and last image included.
        randomised_agreement: Spearman's correlation with the map of the same network after its weights were shuffled
            (Adebayo 2018, arXiv:1810.03292); high means that the map does not depend on what was learned.
        copy_agreement: The lowest correlation with the maps of slightly changed copies of the image.
        method_agreement: Correlation with other methods, by name.
    """

    deletion: float
    insertion: float
    moved_deletion: float
    moved_insertion: float
    deletion_curve: tuple[float, ...]
    insertion_curve: tuple[float, ...]
    randomised_agreement: float
    copy_agreement: float
    method_agreement: Mapping[str, float] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[str, ...]:
        """Why the explanation cannot be believed; empty if nothing speaks against it."""
        failures = []
        first, last = self.deletion_curve[0], self.deletion_curve[-1]
        if abs(first - last) < MIN_EFFECT:
            failures.append(
                f"not-faithful: blurring the whole image takes the probability from {first:.2f} only to {last:.2f}; no "
                "place can be shown to matter"
            )
        elif self.deletion >= self.moved_deletion or self.insertion <= self.moved_insertion:
            failures.append(
                f"not-faithful: the map is no better than itself moved elsewhere (deletion {self.deletion:.2f}, moved "
                f"{self.moved_deletion:.2f}, expected less; insertion {self.insertion:.2f}, moved "
                f"{self.moved_insertion:.2f}, expected more)"
            )
        if self.randomised_agreement > MAX_RANDOMISED_AGREEMENT:
            failures.append(
                f"not-learned: the map of shuffled weights is the same (correlation {self.randomised_agreement:.2f})"
            )
        if self.copy_agreement < MIN_COPY_AGREEMENT:
            failures.append(
                f"unstable: a slightly changed image has another map (correlation {self.copy_agreement:.2f})"
            )
        return tuple(failures)


def deletion_insertion(
    score: Score, image: NDArray[np.float32], heat: NDArray[np.float32]
) -> tuple[list[float], list[float], float, float]:
    """Return the deletion curve, the insertion curve, and the mean areas under both for the map moved elsewhere.

    Args:
        score: Returns the probability (N,) of the explained class for images (N, C, S, S).
        image: (C, S, S), the network's input.
        heat: (h, w), larger is hotter.
    """
    cells = cv2.resize(heat.astype(np.float32), (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    blurred = np.stack([cv2.GaussianBlur(channel, (0, 0), image.shape[-1] / 12) for channel in image])
    placed = [cells, *(np.roll(cells, move, axis=(0, 1)) for move in _MOVES)]
    orders = [np.argsort(-one.ravel(), kind="stable") for one in placed]
    deleted = [_curve(score, image, blurred, one) for one in orders]
    inserted = [_curve(score, blurred, image, one) for one in orders]
    return (
        deleted[0],
        inserted[0],
        float(np.mean([area(curve) for curve in deleted[1:]])),
        float(np.mean([area(curve) for curve in inserted[1:]])),
    )


def area(curve: list[float]) -> float:
    """Return the area under a curve over [0, 1], by trapezia."""
    return float(np.trapezoid(curve, dx=1.0 / (len(curve) - 1)))


def _curve(score: Score, start: NDArray[np.float32], end: NDArray[np.float32], order: NDArray[np.intp]) -> list[float]:
    size = start.shape[-1]
    films = [start]
    for step in range(1, STEPS + 1):
        mask = np.zeros(CELLS * CELLS, dtype=np.uint8)
        mask[order[: round(step * order.size / STEPS)]] = 1
        large = cv2.resize(mask.reshape(CELLS, CELLS), (size, size), interpolation=cv2.INTER_NEAREST).astype(bool)
        films.append(np.where(large, end, start))
    return [float(value) for value in score(np.stack(films).astype(np.float32))]


def shuffled_network(network: ChestNetwork, *, seed: int = 0) -> ChestNetwork:
    """Return a copy whose every weight tensor has its values in random order; statistics of batches stay."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    shuffled = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in shuffled.parameters():
            order = torch.randperm(parameter.numel(), generator=generator, dtype=torch.int32)
            parameter.copy_(parameter.reshape(-1)[order.to(parameter.device)].reshape(parameter.shape))
    return shuffled


def check(
    network: ChestNetwork,
    method: Method,
    image: Tensor,
    target: int,
    signed: NDArray[np.float32],
    *,
    score: Score,
    shuffled: ChestNetwork,
    others: Mapping[str, Method],
) -> Checks:
    """Return the checks of one map ``signed`` (h, w) that ``method`` made of one image (C, S, S).

    Args:
        network: That the map is of.
        method: That made it.
        image: The network's input.
        target: The class that is explained.
        signed: The map.
        score: As `deletion_insertion` takes it.
        shuffled: What `shuffled_network` makes of ``network``.
        others: Methods to compare with, by name.
    """
    heat = positive(signed)
    deletion, insertion, moved_deletion, moved_insertion = deletion_insertion(score, image.cpu().numpy(), heat)
    randomised = _map(method, shuffled, image, target)
    copies = [
        rank_agreement(heat, positive(back(_map(method, network, change(image), target)))) for change, back in _copies()
    ]
    agreements = {
        name: rank_agreement(heat, positive(_map(other, network, image, target))) for name, other in others.items()
    }
    return Checks(
        deletion=area(deletion),
        insertion=area(insertion),
        moved_deletion=moved_deletion,
        moved_insertion=moved_insertion,
        deletion_curve=tuple(deletion),
        insertion_curve=tuple(insertion),
        randomised_agreement=rank_agreement(heat, positive(randomised)),
        copy_agreement=min(copies),
        method_agreement=agreements,
    )


def _copies() -> list[tuple[Callable[[Tensor], Tensor], Callable[[NDArray[np.float32]], NDArray[np.float32]]]]:
    """Return pairs of a change of the image (C, S, S) and what brings its map back."""
    return [
        (lambda image: image * 0.9 + 0.1 * image.mean(), lambda heat: heat),
        (lambda image: image.flip(-1), lambda heat: np.ascontiguousarray(heat[:, ::-1])),
    ]


def _map(method: Method, network: ChestNetwork, image: Tensor, target: int) -> NDArray[np.float32]:
    import torch

    targets = torch.tensor([target], device=image.device)
    found = method.attribute(network, image[None], targets)[0]
    return np.asarray(found.float().cpu().numpy(), np.float32)
