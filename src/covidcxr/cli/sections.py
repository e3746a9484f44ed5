"""The commands as ``covidcxr --help`` lists them: by purpose, each with a summary that fits its line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.core import TyperGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Data": {
        "sources": "List the public sources on this machine, and fetch them.",
        "compile": "Compile the dataset of a recipe from its sources.",
        "dataset": "Verify, describe, compare and export a dataset.",
    },
    "Training": {
        "run": "Compile, train, evaluate, audit and report in one go.",
        "train": "Train the network of a recipe; resumes if interrupted.",
        "tune": "Search for better settings of a recipe.",
        "crossval": "Train once per fold and evaluate on the held-out folds.",
        "backbones": "Train a recipe with several networks and compare them.",
    },
    "Evaluation": {
        "evaluate": "Evaluate a bundle on datasets and write a report.",
        "validate": "Evaluate a bundle on your own labelled images.",
        "audit": "Audit a bundle for shortcuts and give a verdict.",
        "compare": "Compare bundles on one dataset.",
        "samplesize": "Plan how many patients a validation needs.",
    },
    "Use": {
        "predict": "Predict class probabilities for images.",
        "explain": "Draw heat maps and check whether they can be believed.",
        "lungs": "Segment the lung fields.",
        "gate": "Check whether inputs are frontal chest radiographs.",
        "export": "Export a bundle to ONNX, OpenVINO or MONAI.",
    },
    "Recipes and networks": {
        "recipes": "List and show the recipes that ship with covidcxr.",
        "models": "List the networks that a recipe can name.",
        "train-gate": "Train the gate that ships with covidcxr.",
        "train-lungs": "Train the lung network that ships with covidcxr.",
    },
}


class SectionedGroup(TyperGroup):
    """A group of commands whose help lists them under the headings of `SECTIONS`."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write every section with its commands, and those without a section under ``Other``."""
        listed = {name for commands in SECTIONS.values() for name in commands}
        others = {name: "" for name in self.list_commands(ctx) if name not in listed}
        for title, commands in (*SECTIONS.items(), ("Other", others)):
            rows = [(name, summary) for name, summary in commands.items() if name in self.commands]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
