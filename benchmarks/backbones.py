"""A recipe's comparison of backbones, at full length: every network trained on the same images, tested on the same.

    python -m benchmarks.backbones covidx-net --out FOLDER

It is ``covidcxr backbones``; what FOLDER already holds is not trained again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.record import versions, write_result
from covidcxr.cli.options import TerminalProgress
from covidcxr.core.recipe_toml import load_recipe
from covidcxr.models.bundle import Bundle
from covidcxr.pipeline.backbones import backbones
from covidcxr.report.comparison import comparison_document

_METRICS = ("accuracy", "sensitivity/COVID-19", "specificity/COVID-19", "auroc/COVID-19", "ece")


def main() -> None:
    """Train what is not yet trained, and record the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="?", default="covidx-net")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    document = comparison_document(backbones(load_recipe(given.recipe), given.out, progress=TerminalProgress()))
    figures = {}
    for model in document["models"]:
        (cohort,) = model["cohorts"]
        history = Bundle.load(given.out / "networks" / model["name"] / "bundle").info.history
        figures[model["name"]] = {
            "parameters": model["parameters"],
            "published_accuracy": model["published_accuracy"],
            "images": cohort["num_images"],
            **{name: [round(cohort["metrics"][name][key], 4) for key in ("value", "low", "high")] for name in _METRICS},
            "confusion": cohort["confusion"],
            "training_seconds": history.seconds,
            "training_device": history.device,
            "seconds_per_image": round(model["seconds_per_image"], 4),
        }
    write_result("backbones", figures, recipe=given.recipe, **versions("torch", "monai"))


if __name__ == "__main__":
    main()
