"""covidcxr: COVID-19 chest X-ray datasets, classifiers, and what their scores are worth.

Research use only, not a diagnosis. The commands of the command line are functions here; each is imported on first use,
so that ``import covidcxr`` stays fast. docs/api.md says which command is which function: a few have another name,
because `covidcxr.audit`, `covidcxr.explain` and `covidcxr.export` are packages.
"""

from __future__ import annotations

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from covidcxr.core.recipe_toml import load_recipe
    from covidcxr.curation.compile import compile_dataset
    from covidcxr.dataset.dataset import Dataset
    from covidcxr.evaluation.settings import EvaluationSettings
    from covidcxr.explain.batch import explain_files
    from covidcxr.explain.explainer import Explainer
    from covidcxr.export.exporter import export_bundle
    from covidcxr.imaging.gate.gate import gate
    from covidcxr.imaging.lungs.segment import segment_lungs
    from covidcxr.imaging.reading import read
    from covidcxr.inference.bulk import predict_to_table
    from covidcxr.inference.predictor import Predictor
    from covidcxr.metrics.samplesize import planned_sizes
    from covidcxr.models.bundle import Bundle
    from covidcxr.pipeline.audit import audit as audit_network
    from covidcxr.pipeline.backbones import backbones
    from covidcxr.pipeline.compare import compare
    from covidcxr.pipeline.crossval import crossval
    from covidcxr.pipeline.evaluate import evaluate
    from covidcxr.pipeline.run import run
    from covidcxr.pipeline.train import train
    from covidcxr.pipeline.tune import tune
    from covidcxr.pipeline.validate import validate
    from covidcxr.shipped.gate.release import release_gate
    from covidcxr.shipped.lungs.release import release_lungs
    from covidcxr.sources.fetch import fetch_source
    from covidcxr.sources.survey import survey

_HOMES = {
    "Bundle": "covidcxr.models.bundle",
    "Dataset": "covidcxr.dataset.dataset",
    "EvaluationSettings": "covidcxr.evaluation.settings",
    "Explainer": "covidcxr.explain.explainer",
    "Predictor": "covidcxr.inference.predictor",
    "audit_network": "covidcxr.pipeline.audit:audit",
    "backbones": "covidcxr.pipeline.backbones",
    "compare": "covidcxr.pipeline.compare",
    "compile_dataset": "covidcxr.curation.compile",
    "crossval": "covidcxr.pipeline.crossval",
    "evaluate": "covidcxr.pipeline.evaluate",
    "explain_files": "covidcxr.explain.batch",
    "export_bundle": "covidcxr.export.exporter",
    "fetch_source": "covidcxr.sources.fetch",
    "gate": "covidcxr.imaging.gate.gate",
    "load_recipe": "covidcxr.core.recipe_toml",
    "planned_sizes": "covidcxr.metrics.samplesize",
    "predict_to_table": "covidcxr.inference.bulk",
    "read": "covidcxr.imaging.reading",
    "release_gate": "covidcxr.shipped.gate.release",
    "release_lungs": "covidcxr.shipped.lungs.release",
    "run": "covidcxr.pipeline.run",
    "segment_lungs": "covidcxr.imaging.lungs.segment",
    "survey": "covidcxr.sources.survey",
    "train": "covidcxr.pipeline.train",
    "tune": "covidcxr.pipeline.tune",
    "validate": "covidcxr.pipeline.validate",
}

__all__ = [
    "Bundle",
    "Dataset",
    "EvaluationSettings",
    "Explainer",
    "Predictor",
    "__version__",
    "audit_network",
    "backbones",
    "compare",
    "compile_dataset",
    "crossval",
    "evaluate",
    "explain_files",
    "export_bundle",
    "fetch_source",
    "gate",
    "load_recipe",
    "planned_sizes",
    "predict_to_table",
    "read",
    "release_gate",
    "release_lungs",
    "run",
    "segment_lungs",
    "survey",
    "train",
    "tune",
    "validate",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return metadata.version("covidcxr")
    if name in _HOMES:
        module, _, attribute = _HOMES[name].partition(":")
        return getattr(import_module(module), attribute or name)
    raise AttributeError(f"module 'covidcxr' has no attribute {name!r}")
