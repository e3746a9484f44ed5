"""Do lung fraction and pointing game tell a network that looks at the lungs from one that reads a corner tag?

Two small networks are trained on real images (or phantoms, without --sources): one must find a soft lesion planted
inside the lungs, one a tag in the corner. Every method is then judged on images of other patients.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.record import write_result
from covidcxr.core.types import PreprocessSpec, Radiograph
from covidcxr.explain.explainer import Explainer
from covidcxr.explain.focus import peak_hits, share_inside
from covidcxr.explain.methods import METHODS
from covidcxr.imaging.lungs.segment import LungFields, segment_lungs
from covidcxr.imaging.preprocess import squeeze
from covidcxr.imaging.reading import read
from covidcxr.models.network import ChestNetwork
from covidcxr.sources.lookup import locate_sources, read_source
from covidcxr.sources.phantom_films import draw_film

SIZE = 96
_FILMS_A_STEP = 16
_LESION_RADIUS = 6
_DISC = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _LESION_RADIUS + 1, 2 * _LESION_RADIUS + 1))
_SOURCES = ("covid-chestxray-dataset", "nih-chest-xray14", "figure1", "actualmed")


class SmallNetwork(ChestNetwork):
    """Four convolutions, a map of 24 x 24, its mean, a linear classifier."""

    def __init__(self) -> None:
        super().__init__(num_classes=2, size=SIZE, channels=1)
        widths = [1, 16, 32, 48, 48]
        self.layers = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(widths[i], widths[i + 1], 3, stride=2 if i < 2 else 1, padding=1),
                    nn.BatchNorm2d(widths[i + 1]),
                    nn.ReLU(),
                )
                for i in range(4)
            )
        )
        self.classifier = nn.Linear(48, 2)

    def forward_with_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, 2) and the map (N, 48, 24, 24)."""
        features = self.layers(images)
        return self.classifier(features.mean(dim=(2, 3))), features


def gather(sources: Path | None, count: int, generator: np.random.Generator) -> list[tuple[np.ndarray, LungFields]]:
    """Return images (SIZE, SIZE) in [0, 1] and their lungs, as many as have lungs among ``count``."""
    if sources is None:
        films = [draw_film(generator, "normal", size=SIZE).astype(np.float32) / 255 for _ in range(count)]
    else:
        present = [name for name in _SOURCES if name in locate_sources(sources)]
        records = [record for name in present for record in read_source(name, sources).records]
        chosen = generator.permutation(len(records))[:count]
        films = [read(records[index].path).pixels for index in chosen]
    square = [squeeze(film, SIZE) for film in films]
    pairs = [(film, segment_lungs(film)) for film in square]
    return [(film, lungs) for film, lungs in pairs if lungs.found]


def plant(
    film: np.ndarray, lungs: LungFields, kind: str, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the image with a lesion in a lung, or a tag in a corner, and the mask of what was planted."""
    planted, mask = film.copy(), np.zeros(film.shape, bool)
    if kind == "tag":
        top, left = int(generator.integers(2, 6)), int(generator.integers(2, 6))
        planted[top : top + 9, left : left + 3] = planted[top + 6 : top + 9, left : left + 8] = 1.0
        mask[top : top + 9, left : left + 8] = True
        return planted, mask
    inner = cv2.erode(lungs.both.astype(np.uint8), _DISC).astype(bool)  # so that all of the lesion is in the lungs
    rows, columns = np.nonzero(inner if inner.any() else lungs.both)
    place = int(generator.integers(len(rows)))
    grid = np.indices(film.shape)
    distance = (grid[0] - rows[place]) ** 2 + (grid[1] - columns[place]) ** 2
    planted = np.clip(planted + 0.45 * np.exp(-distance / (2 * 2.6**2)), 0, 1).astype(np.float32)
    return planted, distance <= _LESION_RADIUS**2


def train(
    pairs: list[tuple[np.ndarray, LungFields]], kind: str, steps: int, generator: np.random.Generator
) -> SmallNetwork:
    """Return a network that tells planted images from plain ones."""
    torch.manual_seed(0)
    network = SmallNetwork()
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps + 1)
    for _ in range(steps):
        chosen = [pairs[int(index)] for index in generator.integers(len(pairs), size=_FILMS_A_STEP)]
        # Each image with and without its plant, so that nothing but the plant tells the two classes apart.
        films = [film for film, _ in chosen] + [plant(film, lungs, kind, generator)[0] for film, lungs in chosen]
        labels = torch.arange(2).repeat_interleave(_FILMS_A_STEP)
        loss = functional.cross_entropy(network(torch.from_numpy(np.stack(films))[:, None]), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval().requires_grad_(False)


def judge(network: SmallNetwork, pairs: list[tuple[np.ndarray, LungFields]], kind: str, seed: int) -> dict[str, object]:
    """Return, by method, the mean lung fraction, the share of peaks on the plant, and the share that failed."""
    generator = np.random.default_rng(seed)
    planted = [plant(film, lungs, kind, generator) for film, lungs in pairs]
    films = [Radiograph(pixels=film, origin=str(number)) for number, (film, _) in enumerate(planted)]
    answers = network(torch.from_numpy(np.stack([film for film, _ in planted]))[:, None]).argmax(1)
    plain = network(torch.from_numpy(np.stack([film for film, _ in pairs]))[:, None]).argmax(1)
    figures: dict[str, object] = {
        "accuracy": round(float((answers.float().mean() + (1 - plain.float()).mean()) / 2), 4),
        "films": len(films),
    }
    for method in METHODS.names():
        explainer = Explainer(network, classes=("plain", "planted"), spec=PreprocessSpec(size=SIZE), method=method)
        started = time.perf_counter()
        found = list(explainer.explain_all(films, target="planted", lungs=[lungs for _, lungs in pairs]))
        seconds = time.perf_counter() - started
        measured = defaultdict(list)
        for (_, mask), explanation in zip(planted, found, strict=True):
            if explanation.lung_fraction is not None:
                measured["lung_fraction"].append(explanation.lung_fraction)
                # Without the cut of `covidcxr.explain.focus.counted`, on the same maps.
                measured["lung_fraction_uncut"].append(share_inside(explanation.heat, explanation.lungs.both))
                measured["chance"].append(explanation.chance)
            measured["pointing_game"].append(peak_hits(explanation.heat, mask, tolerance=2))
            measured["peak_in_lungs"].append(explanation.peak_in_lungs)
            measured["failed"].append(bool(explanation.failed))
        means = {name: round(float(np.mean(values)), 4) for name, values in measured.items()}
        figures[method] = means | {"ms_a_film": round(1000 * seconds / len(films), 1)}
    return figures


def main() -> None:
    """Train both networks, judge every method, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, default=None)
    parser.add_argument("--films", type=int, default=400)
    parser.add_argument("--steps", type=int, default=1000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    pairs = gather(options.sources, options.films, generator)
    cut = round(0.75 * len(pairs))
    figures = {}
    for kind in ("lesion", "tag"):
        network = train(pairs[:cut], kind, options.steps, generator)
        figures[kind] = judge(network, pairs[cut:], kind, seed=1)
    write_result("explanations", figures, films="real" if options.sources else "phantoms")


if __name__ == "__main__":
    main()
