"""The model card of an evaluated bundle (after Mitchell 2019): what it is, what it is worth, what it must not do."""

from __future__ import annotations

from covidcxr.core.notice import NOTICE, SYNTHETIC_NOTICE
from covidcxr.core.types import EvaluationReport
from covidcxr.report.checklists.fact import FACTS, spoken
from covidcxr.report.study import Study

_SHOWN = ("accuracy", "balanced_accuracy", "auroc_macro", "ece")
_PARTS = (
    ("Model", ("technology", "model", "software", "initialisation", "output")),
    ("Intended use", ("intended_use", "poor_input")),
    ("Training data", ("training_data",)),
    ("Training", ("training", "selection", "imbalance")),
    (
        "Evaluated data",
        ("data_sources", "populations", "eligibility", "partition", "disjoint", "events", "characteristics"),
    ),
)


def model_card(study: Study) -> str:
    """Return the Markdown text of the card."""
    info = study.info
    lines = [f"# Model card: {info.title or info.name}", "", f"**{NOTICE}**", ""]
    if study.synthetic:
        lines += [f"**{SYNTHETIC_NOTICE}**", ""]
    lines += [f"Verdict on its score: **{study.verdict.value}**.", ""]
    lines += [f"- {reason}" for reason in study.verdict.reasons]
    for title, names in _PARTS:
        found = [made for name in names if (made := FACTS[name](study)) is not None]
        lines += ["", f"## {title}", "", *(f"- {entry.value}" for entry in found)]
    lines += ["", "## Measured", ""]
    for result in study.results:
        lines += [*_measured(result.report), ""]
    lines += ["## What it must not be used for", ""]
    lines += [
        "- Any decision about a patient.",
        "- Images of another kind than it was trained on: other views, other modalities, photographs of images.",
        "- A claim of performance at a hospital where it was not evaluated.",
    ]
    lines += [f"- {note}" for note in info.notes]
    lines += ["", "## Identity", "", f"- Bundle `{study.bundle_id}`", f"- Trained on dataset `{info.dataset_digest}`"]
    return "\n".join(lines) + "\n"


def _measured(report: EvaluationReport) -> list[str]:
    names = [
        *_SHOWN,
        *(f"{name}/{label}" for label in report.classes for name in ("sensitivity", "specificity", "auroc")),
    ]
    rows = [f"| {name} | {spoken(report.metrics[name])} |" for name in names]
    return [
        f"{report.cohort}: {report.num_images:,} images of {report.num_patients:,} patients.",
        "",
        "| metric | value (95 % confidence interval) |",
        "|---|---|",
        *rows,
    ]
