"""How much of the published figure of zhong2020 is luck: the last epoch of several seeds, and the way there.

    python -m benchmarks.zhong2020_seeds RUN ... [--fixed RUN ...]

Each RUN is a folder that ``covidcxr train zhong2020 --set training.seed=N --out RUN`` left; its ``history.json`` and
bundle are read, nothing is trained here. The metrics are the recipe's own: of its validation split, which for
zhong2020 is the test split, as in the published code.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

from benchmarks.record import versions, write_result
from covidcxr.models.bundle import Bundle
from covidcxr.models.history import EpochHistory, read_history

PUBLISHED = {"loss": 0.5632, "accuracy": 0.873, "precision": 0.8967, "recall": 0.8446, "recall/COVID-19": 0.97}
METRICS = ("loss", "accuracy", "precision", "recall", "balanced_accuracy")


def last_epoch(epoch: EpochHistory, classes: tuple[str, ...]) -> dict[str, float]:
    """Return the validation metrics of an epoch, with the recall of each class."""
    recalls = {
        f"recall/{name}": row[number] / sum(row)
        for number, (name, row) in enumerate(zip(classes, epoch.confusion, strict=True))
    }
    return {**{name: epoch.validation[name] for name in METRICS}, **recalls}


def read_run(folder: Path) -> dict[str, Any]:
    """Return the seed, the kept epoch's metrics and the accuracy epoch by epoch of one run."""
    history = read_history(folder / "history.json")
    if history is None or not history.finished:
        raise SystemExit(f"{folder}: no finished training")
    info = Bundle.load(folder / "bundle", verify=False).info
    return {
        "seed": info.recipe["training"]["seed"],
        "dataset_digest": info.dataset_digest,
        "device": info.history.device,
        "seconds": info.history.seconds,
        "kept_epoch": info.history.kept_epoch,
        "metrics": last_epoch(history.epochs[info.history.kept_epoch - 1], info.classes),
        "confusion": history.epochs[info.history.kept_epoch - 1].confusion,
        "accuracy_by_epoch": [round(epoch.validation["accuracy"], 4) for epoch in history.epochs],
        "train_by_epoch": [round(epoch.train["accuracy"], 4) for epoch in history.epochs],
    }


def spread(runs: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return mean, standard deviation, least and greatest of each metric over the runs."""
    summary = {}
    for name in runs[0]["metrics"]:
        values = [run["metrics"][name] for run in runs]
        summary[name] = {
            "mean": statistics.fmean(values),
            "deviation": statistics.stdev(values) if len(values) > 1 else 0.0,
            "least": min(values),
            "greatest": max(values),
        }
    return summary


def main() -> None:
    """Read the runs and record them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="+", type=Path)
    parser.add_argument("--fixed", nargs="*", type=Path, default=[], help="runs of zhong2020-fixed")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {"published": PUBLISHED}
    for name, folders in (("zhong2020", arguments.run), ("zhong2020-fixed", arguments.fixed)):
        if folders:
            runs = [read_run(folder) for folder in folders]
            figures[name] = {"runs": runs, "spread": spread(runs)}
    write_result("zhong2020_seeds", figures, **versions("torch"))


if __name__ == "__main__":
    main()
