"""What ``python -m monai.bundle run`` does with this bundle: a row of probabilities for each image of a folder."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

NOTICE = "research use only, not a diagnosis"


def predict(
    network: torch.nn.Module,
    preprocessing: Callable[[dict[str, str]], dict[str, torch.Tensor]],
    *,
    dataset_dir: str,
    output_dir: str,
    classes: Sequence[str],
) -> None:
    """Judge every file of ``dataset_dir``, sorted by name, and write ``output_dir``/predictions.csv."""
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "predictions.csv").open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(["input", *(f"probability/{name}" for name in classes), "notice"])
        for path in sorted(path for path in Path(dataset_dir).iterdir() if path.is_file()):
            film = preprocessing({"image": str(path)})["image"]
            with torch.no_grad():
                shares = network(torch.as_tensor(film)[None])[0].tolist()
            rows.writerow([path.name, *(round(share, 6) for share in shares), NOTICE])
