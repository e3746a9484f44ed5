"""What each backend and precision changes on a real test part: AUROC, agreement, largest difference, speed.

Everything is compared with torch in fp32 on the CPU. Bars: fp32 probabilities within 1e-4; bf16 and int8 keep every
class's AUROC within 0.002.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks.record import versions, write_result

BACKENDS = [
    ("torch", "fp32"),
    ("torch", "bf16"),
    ("onnxruntime", "fp32"),
    ("openvino", "fp32"),
    ("openvino", "bf16"),
    ("openvino", "int8"),
]


def judged(bundle: Path, backend: str, precision: str, paths: list[Path]) -> tuple[NDArray[np.float64], float]:
    """Return float64 (N, classes) probabilities of the files, and the images per second, decoding included."""
    from covidcxr.inference.predictor import Predictor

    predictor = Predictor.load(bundle, backend=backend, device="cpu", precision=precision, gated=False)  # type: ignore[arg-type]
    predictor.predict_one(paths[0])
    start = time.perf_counter()
    found = [prediction.probabilities for prediction in predictor.predict(paths)]
    return np.stack([np.asarray(one, np.float64) for one in found]), len(paths) / (time.perf_counter() - start)


def judged_int8(bundle: Path, scratch: Path, paths: list[Path]) -> tuple[NDArray[np.float64], float]:
    """Return the same of the int8 image graph in ONNX Runtime, one image at a time."""
    from covidcxr.export.exporter import export_bundle
    from covidcxr.export.onnx_graph import graph_judge
    from covidcxr.imaging.reading import read

    judge = graph_judge(export_bundle(bundle, "onnx", scratch / "int8.onnx", variant="int8").path)
    start = time.perf_counter()
    found = [judge(read(path).pixels) for path in paths]
    return np.stack(found).astype(np.float64), len(paths) / (time.perf_counter() - start)


def beside(
    reference: NDArray[np.float64], found: NDArray[np.float64], labels: list[str], classes: tuple[str, ...]
) -> dict[str, Any]:
    """Return how ``found`` (N, classes) differs from ``reference``."""
    auroc, change = {}, {}
    for column, name in enumerate(classes):
        truth = [label == name for label in labels]
        if any(truth) and not all(truth):
            auroc[name] = float(roc_auc_score(truth, found[:, column]))
            change[name] = round(auroc[name] - float(roc_auc_score(truth, reference[:, column])), 6)
    return {
        "auroc": {name: round(value, 5) for name, value in auroc.items()},
        "auroc_change": change,
        "agreement": float((found.argmax(axis=1) == reference.argmax(axis=1)).mean()),
        "largest_difference": float(np.abs(found - reference).max()),
    }


def main() -> None:
    """Measure and write."""
    from covidcxr.dataset.dataset import Dataset
    from covidcxr.export.exporter import export_bundle
    from covidcxr.models.bundle import Bundle

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="compiled dataset; its test part is judged")
    parser.add_argument("--films", type=int, help="at most so many, spread evenly")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        bundle = Bundle.load(shutil.copytree(given.bundle, Path(scratch) / "bundle"))
        classes = bundle.info.classes
        if bundle.onnx_path is None:
            export_bundle(bundle.folder, "onnx")
        export_bundle(bundle.folder, "onnx", variant="int8", data=given.data)
        dataset = Dataset.open(given.data, classes=classes)
        samples = dataset.split("test")
        samples = samples[:: max(1, len(samples) // given.films)] if given.films else samples
        paths = [dataset.image_path(sample) for sample in samples]
        labels = [sample.label for sample in samples]
        runs = {f"{name} {kind}": judged(bundle.folder, name, kind, paths) for name, kind in BACKENDS}
        runs["onnxruntime int8 dense layers"] = judged_int8(bundle.folder, Path(scratch), paths)
    reference = runs["torch fp32"][0]
    figures: dict[str, Any] = {
        name: {**beside(reference, found, labels, classes), "films_per_second": round(rate, 1)}
        for name, (found, rate) in runs.items()
    }
    fp32 = [name for name in figures if name.endswith("fp32")]
    small = [name for name in figures if name not in fp32]
    write_result(
        "export_variants",
        {
            "variants": figures,
            "fp32_within_1e-4": all(figures[name]["largest_difference"] <= 1e-4 for name in fp32),
            "largest_auroc_change_of_bf16_and_int8": max(
                (abs(change) for name in small for change in figures[name]["auroc_change"].values()), default=None
            ),
            "films": len(paths),
            "bundle": bundle.bundle_id,
            "network": bundle.info.network.name,
            "dataset": dataset.name,
        },
        versions=versions("onnxruntime", "openvino", "torch"),
    )


if __name__ == "__main__":
    main()
