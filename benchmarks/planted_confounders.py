"""Whether the audit flags every planted confounder, and none on clean sets: 20 networks on each, trained from scratch.

Each set is synthetic chest phantoms (two classes, three imaginary hospitals that share both) whose only difference is
in the lungs. In the planted sets 80, 85, 90 or 95 % of the COVID-19 images, and the remaining share of the others,
carry a tag, a black frame or another exposure. A small network (haghanifar2020) learns each set; then all audits run
on its test part.
Bars: 20 of 20 planted sets flagged, 0 of 20 clean ones.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.record import versions, write_result
from covidcxr.audit.context import AuditContext, ImageSet
from covidcxr.audit.lung_regions import FieldMasker
from covidcxr.audit.plants import PLANTS, plant
from covidcxr.audit.result import AuditResult
from covidcxr.audit.shortcuts import AUDITS
from covidcxr.core.types import PreprocessSpec
from covidcxr.imaging.preprocess import squeeze
from covidcxr.metrics.probabilities import softmax
from covidcxr.metrics.settings import IntervalSettings
from covidcxr.models.build import build_network
from covidcxr.models.network import ChestNetwork
from covidcxr.sources.phantom_films import draw_film

CLASSES = ("COVID-19", "Normal")
SIZE = 96
TRAIN, TEST = 320, 240
EPOCHS = 9
STRENGTHS = (0.80, 0.85, 0.90, 0.95)


class NetworkJudge:
    """A network as the audits see it."""

    def __init__(self, network: ChestNetwork) -> None:
        self._network = network.eval()

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return probabilities (N, C)."""
        return softmax(self._run(images)[0])

    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return mean and maximum of each channel of the last map."""
        return self._run(images)[1]

    def _run(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        logits, features = [], []
        with torch.inference_mode():
            for start in range(0, len(images), 100):
                got, maps = self._network.forward_with_features(as_tensor(images[start : start + 100]))
                logits.append(got)
                features.append(torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1))
        return torch.cat(logits).double().numpy(), torch.cat(features).double().numpy()


def as_tensor(images: NDArray[np.uint8]) -> torch.Tensor:
    """Return float (N, 1, S, S) around 0."""
    return (torch.from_numpy(np.ascontiguousarray(images)).float().unsqueeze(1) / 255.0 - 0.5) / 0.25


def draw_set(generator: np.random.Generator, count: int, name: str, kind: str, share: float) -> ImageSet:
    """Return images of two classes in turn, each of a patient of its own."""
    labels = np.arange(count) % 2
    films = [draw_film(generator, "covid" if label == 0 else "normal", size=128) for label in labels]
    images = np.stack([np.round(255 * squeeze(film, SIZE)).astype(np.uint8) for film in films])
    if kind != "clean":
        images = plant(images, labels == 0, kind, share=share, generator=generator)
    return ImageSet(
        images=images,
        labels=labels.astype(np.int64),
        groups=np.array([f"{name}-{index}" for index in range(count)]),
        sources=generator.choice(["north", "south", "west"], count),
        ages=generator.uniform(20, 90, count),
    )


def train_network(train: ImageSet, seed: int) -> ChestNetwork:
    """Return a network trained on the set, with horizontal shifts of a few pixels."""
    torch.manual_seed(seed)
    network = build_network(
        "haghanifar2020", num_classes=2, preprocess=PreprocessSpec(size=SIZE, channels=1), options={}
    ).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    inputs, labels = as_tensor(train.images), torch.from_numpy(train.labels)
    steps = EPOCHS * (len(inputs) // 32)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(inputs))
        for start in range(0, len(inputs) - 31, 32):
            chosen = order[start : start + 32]
            batch = torch.roll(inputs[chosen], int(torch.randint(-4, 5, ())), dims=3)
            loss = torch.nn.functional.cross_entropy(network(batch), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network


def one_set(seed: int, kind: str, share: float) -> dict[str, Any]:
    """Draw, train and audit one set."""
    generator = np.random.default_rng([seed, 77])
    train = draw_set(generator, TRAIN, "train", kind, share)
    test = draw_set(generator, TEST, "test", kind, share)
    judge = NetworkJudge(train_network(train, seed))
    context = AuditContext(
        classes=CLASSES,
        focus=CLASSES[0],
        test=test,
        films=test.images,
        train=train,
        judge=judge,
        masker=FieldMasker(),
        intervals=IntervalSettings(rounds=200, seed=seed),
    )
    start = time.perf_counter()
    results: list[AuditResult] = [audit(context) for _, audit in AUDITS.items()]
    whole = next(result for result in results if result.name == "lungs-blacked-out").skills[0].whole
    return {
        "kind": kind,
        "share": share,
        "auroc": round(whole.value or 0.0, 3) if whole else None,
        "lungs_found": round(float(context.regions.found.mean()), 2),
        "flagged": [result.name for result in results if result.flagged],
        "seconds": round(time.perf_counter() - start, 1),
    }


def main() -> None:
    """Run the planted sets, then the clean ones, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=20, help="of each sort")
    given = parser.parse_args()
    torch.set_num_threads(1)
    kinds = tuple(PLANTS)
    planted, clean = [], []
    for seed in range(given.sets):
        planted.append(one_set(seed, kinds[seed % len(kinds)], STRENGTHS[seed % len(STRENGTHS)]))
        print(planted[-1], flush=True)
        clean.append(one_set(1000 + seed, "clean", 0.0))
        print(clean[-1], flush=True)
    write_result(
        "planted_confounders",
        {
            "planted_flagged": sum(bool(entry["flagged"]) for entry in planted),
            "clean_flagged": sum(bool(entry["flagged"]) for entry in clean),
            "sets_of_each": given.sets,
            "planted": planted,
            "clean": clean,
        },
        versions=versions("numpy", "scikit-learn", "torch"),
    )


if __name__ == "__main__":
    main()
