"""One network on images that are decoded in memory: by every backend, by Keras ``predict`` and by plain torch eager.

All get the same images: real ones, preprocessed in advance. Beside the speed stands what each backend changes in the
AUROC of a test part, because the bars (three times Keras, twice torch eager) are for one that changes it by 0.002 at
most. Used by benchmarks.predict_throughput.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.export_variants import BACKENDS, beside

Run = Callable[[], None]
BATCH = 64
KERAS_NETWORKS = ("zhong2020", "efficientnet-lite0")
MAX_CHANGE = 0.002  # of any class's AUROC
BARS = {"keras predict": 3.0, "torch eager": 2.0}


def preprocessed(bundle: Path, files: list[Path]) -> NDArray[np.float32]:
    """Return float32 (N, 1, S, S): the images as the network gets them."""
    from covidcxr.imaging.preprocess import preprocess
    from covidcxr.imaging.reading import read
    from covidcxr.models.bundle import Bundle

    spec = Bundle.load(bundle, verify=False).info.preprocess.spec()
    return np.stack([preprocess(read(path), spec)[:1] for path in files])


def backend_logits(bundle: Path, backend: str, precision: str) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return what our predictor asks of a backend: (N, 1, S, S) to logits (N, classes)."""
    from covidcxr.inference.predictor import Predictor

    loaded = Predictor.load(bundle, backend=backend, device="cpu", precision=precision, gated=False)  # type: ignore[arg-type]
    return loaded.logits


def eager_torch(bundle: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return the network in eager torch, fp32, in its default memory order, on all of its channels."""
    import torch

    from covidcxr.models.bundle import Bundle

    loaded = Bundle.load(bundle, verify=False)
    network, channels = loaded.network(), loaded.info.preprocess.channels

    def logits(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            return np.asarray(network(torch.from_numpy(np.repeat(images, channels, axis=1))))

    return logits


def in_batches(
    logits: Callable[[NDArray[np.float32]], NDArray[np.float32]], images: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the logits of all images, a batch at a time."""
    return np.concatenate([logits(images[start : start + BATCH]) for start in range(0, len(images), BATCH)])


def network_runs(bundle: Path, images: NDArray[np.float32]) -> dict[str, Run]:
    """Return a run over all images by every backend, and by eager torch."""
    ways = {f"{name} {precision}": backend_logits(bundle, name, precision) for name, precision in BACKENDS}
    ways["torch eager"] = eager_torch(bundle)
    runs: dict[str, Run] = {}
    for name, logits in ways.items():
        in_batches(logits, images[:BATCH])
        runs[name] = lambda logits=logits: (in_batches(logits, images), None)[1]  # type: ignore[misc]
    return runs


@contextmanager
def keras_predict(python: Path | None, bundle: Path, images: NDArray[np.float32]) -> Iterator[Run | None]:
    """Give a run of Keras over all images, in an interpreter that waits beside this one; None without one for it."""
    from covidcxr.models.bundle import Bundle

    info = Bundle.load(bundle, verify=False).info
    if python is None or info.network.name not in KERAS_NETWORKS:
        yield None
        return
    stored = bundle.parent / f"{bundle.name}.npy"  # not in the bundle, which knows its files
    np.save(stored, images[:, 0])
    script = Path(__file__).parent / "peers" / "keras_predict.py"
    command = [str(python), str(script), str(stored), info.network.name, str(info.preprocess.channels), str(BATCH)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:
        assert peer.stdin is not None
        assert peer.stdout is not None
        json.loads(peer.stdout.readline())

        def run() -> None:
            peer.stdin.write("\n")  # type: ignore[union-attr]
            peer.stdin.flush()  # type: ignore[union-attr]
            float(peer.stdout.readline())  # type: ignore[union-attr]

        yield run
        peer.stdin.close()


def auroc_changes(bundle: Path, data: Path, at_most: int) -> dict[str, float]:
    """Return the largest change of a class's AUROC by each backend on the test part of a dataset, from torch fp32."""
    from covidcxr.dataset.dataset import Dataset
    from covidcxr.models.bundle import Bundle

    classes = Bundle.load(bundle, verify=False).info.classes
    dataset = Dataset.open(data, classes=classes)
    samples = dataset.split("test")
    samples = samples[:: -(-len(samples) // at_most)]
    images = preprocessed(bundle, [dataset.image_path(sample) for sample in samples])
    labels = [sample.label for sample in samples]

    def probabilities(backend: str, precision: str) -> NDArray[np.float64]:
        logits = in_batches(backend_logits(bundle, backend, precision), images).astype(np.float64)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    reference = probabilities("torch", "fp32")
    changes = {}
    for backend, precision in BACKENDS:
        found = beside(reference, probabilities(backend, precision), labels, classes)["auroc_change"]
        changes[f"{backend} {precision}"] = max((abs(value) for value in found.values()), default=0.0)
    return changes


def compared(rates: Mapping[str, float], changes: Mapping[str, float]) -> dict[str, Any]:
    """Return the fastest backend whose AUROC is unchanged, and how many times as fast as each peer it is.

    What was not measured (``changes`` is empty) is taken for unchanged in fp32 only.
    """
    kept = [
        name
        for name in (f"{backend} {precision}" for backend, precision in BACKENDS)
        if (changes[name] <= MAX_CHANGE if name in changes else name.endswith("fp32"))
    ]
    best = max(kept, key=rates.__getitem__)
    times = {peer: round(rates[best] / rates[peer], 2) for peer in BARS if peer in rates}
    return {
        "best_backend_with_auroc_unchanged": best,
        "times_as_fast_as": times,
        "bars_reached": {peer: value >= BARS[peer] for peer, value in times.items()},
    }
