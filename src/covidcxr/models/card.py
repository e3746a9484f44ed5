"""The model card of a bundle: what a person should read before using the weights, as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from covidcxr.core.labels import MEANINGS
from covidcxr.core.outside_text import visible, without_html

if TYPE_CHECKING:
    from covidcxr.models.bundle_info import BundleInfo, HistoryInfo, OperatingPoint


def model_card(info: BundleInfo) -> str:
    """Return the Markdown text of the card of ``info``."""
    lines = [f"# {visible(info.title or info.name)}", "", f"**{info.notice}**", ""]
    if info.synthetic:
        lines += ["**Trained on synthetic phantoms, not on radiographs: the scores mean nothing for patients.**", ""]
    spec = info.preprocess
    lines += [
        "## What it is",
        "",
        f"- Network: `{info.network.name}`, {info.network.num_parameters:,} parameters",
        f"- Classes, in the order of the outputs: {', '.join(info.classes)}",
        *(f"- A probability of {label} is about {MEANINGS[meaning]}" for label, meaning in info.meanings.items()),
        f"- Input: {spec.size} x {spec.size}, {spec.channels} channel(s), intensity `{spec.intensity}`",
        f"- Temperature: {info.temperature:.3f}" + ("" if info.temperature != 1.0 else " (not calibrated)"),
        f"- Prediction sets: {', '.join(f'coverage {name}' for name in info.conformal) or 'none'}",
        f"- Operating points: {', '.join(map(_point, info.operating_points)) or 'none'}",
        f"- Recipe: `{info.name}`; covidcxr {info.release}",
        f"- Dataset digest: `{info.dataset_digest or 'unknown'}`",
        "",
        "## How it was trained",
        "",
        *_history(info.history),
        "",
        "## What to know before using it",
        "",
        *(f"- {visible(note)}" for note in info.notes),
        "- Scores measured inside the sources a network was trained on say little about another hospital.",
        "",
    ]
    return without_html("\n".join(lines))


def _point(point: OperatingPoint) -> str:
    return f"{point.label} from {point.threshold:.3f} (for a sensitivity of {point.target:.0%})"


def _history(history: HistoryInfo) -> list[str]:
    if not history.epochs:
        return ["- Not recorded."]
    lines = [
        f"- {history.epochs} epochs on {history.device} in {history.seconds:.0f} s; epoch {history.kept_epoch} was kept"
    ]
    if history.validation_split == "test":
        lines.append("- **The test split was also the validation split, as in the publication this follows.**")
    for name, metrics in (("Training", history.train), ("Validation", history.validation)):
        if metrics:
            lines.append(f"- {name}: " + ", ".join(f"{key} {value:.4f}" for key, value in metrics.items()))
    return lines
