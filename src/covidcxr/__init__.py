"""covidcxr: COVID-19 chest X-ray datasets, classifiers, and what their scores are worth.

Research use only, not a diagnosis. The verbs of the command line are functions here; each is imported on first use,
so that ``import covidcxr`` stays fast.
"""

from __future__ import annotations

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from covidcxr.curation.compile import compile_dataset
    from covidcxr.inference.predictor import Predictor
    from covidcxr.pipeline.evaluate import evaluate
    from covidcxr.pipeline.run import run
    from covidcxr.pipeline.train import train

_HOMES = {
    "compile_dataset": "covidcxr.curation.compile",
    "train": "covidcxr.pipeline.train",
    "evaluate": "covidcxr.pipeline.evaluate",
    "run": "covidcxr.pipeline.run",
    "Predictor": "covidcxr.inference.predictor",
}

__all__ = ["Predictor", "__version__", "compile_dataset", "evaluate", "run", "train"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return metadata.version("covidcxr")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'covidcxr' has no attribute {name!r}")
