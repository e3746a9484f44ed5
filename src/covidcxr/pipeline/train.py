"""``train``: a recipe and a dataset to a bundle that holds its fastest proven form.

The training itself is known to `covidcxr.training`, the proof to `covidcxr.export`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from covidcxr.core.errors import BundleError, MissingExtraError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.recipe import Recipe
from covidcxr.dataset.dataset import Dataset
from covidcxr.export.exporter import export_bundle
from covidcxr.models.bundle import Bundle
from covidcxr.models.history import EpochHistory
from covidcxr.training.fit import train as fit
from covidcxr.training.processes import is_leader


def train(
    recipe: Recipe | str,
    data: Path | Dataset,
    out: Path,
    *,
    device: str = "auto",
    cache: Path | None = None,
    progress: Progress = SILENT,
    after_epoch: Callable[[EpochHistory], None] | None = None,
) -> Path:
    """Train as `covidcxr.training.fit.train` does and return the folder of the bundle, ``model.onnx`` in it.

    ONNX Runtime is two to three times as fast as torch on a CPU; the file is compared with the weights first. Where it
    cannot be made, ``progress`` is told why, and predictions use torch.

    Raises:
        CovidCxrError: As the training does.
    """
    folder = fit(recipe, data, out, device=device, cache=cache, progress=progress, after_epoch=after_epoch)
    if is_leader():
        add_fastest_form(folder, progress)
    return folder


def add_fastest_form(folder: Path, progress: Progress = SILENT) -> None:
    """Give the bundle in ``folder`` a proven ``model.onnx`` unless it has one; say so if it cannot have one."""
    if Bundle.load(folder, verify=False).onnx_path is not None:
        return
    try:
        parity = export_bundle(folder, "onnx").parity
    except (BundleError, MissingExtraError) as error:
        progress.message(f"The bundle has no model.onnx, so predictions use torch, which is slower on a CPU: {error}")
    else:
        progress.message(
            f"model.onnx added for ONNX Runtime; its probabilities differ by at most {parity.largest_difference:.1g}"
        )
