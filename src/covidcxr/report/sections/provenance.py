"""How it was done, and from what: methods, digests, versions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from covidcxr.outputs.page import Facts, Lines, Prose, Section
from covidcxr.report.study import Study


def methods_section(study: Study) -> Section:
    """Return how the numbers of this report were made, in words that could go into a methods section."""
    info, intervals = study.info, study.intervals
    spec = info.preprocess
    smoothing = f" with label smoothing {study.label_smoothing:g}" if study.label_smoothing else ""
    paragraphs = [
        f"Images were read as grey values, squeezed to {spec.size} x {spec.size} pixels (the aspect ratio is not "
        f"kept, because it gives the class away in the public sources) and given to the network {info.network.name} "
        f"({info.network.num_parameters:,} parameters). The predicted class is the most probable one.",
        f"{intervals.sentence} Where no case differs from the others, an AUROC has the interval of its largest "
        "possible variance (Birnbaum and Klose 1957), and anything else that is no proportion none. The interval of "
        "the calibration error (ten bins of equal size) is that of a bootstrap of patients that allows "
        "for the noise of the bins, and wider than it need be; that of a "
        "change between cohorts is recovered from the two (Zou and Donner 2008). A value that has no meaning on a "
        "cohort is not estimable, and the reason stands beside it.",
        "Micro precision and recall are those of Keras: over all (image, class) pairs, at a probability above 0.5. The "
        f"cross-entropy beside the published one is taken against the training targets{smoothing}; the one in the "
        "overall table against the bare classes.",
        "Sensitivity, specificity and predictive values are of the most probable class against the rest; AUROC and "
        "average precision of each class's probability against the rest (ties one half; steps without interpolation).",
        _verdict_rules(),
    ]
    return Section(anchor="methods", title="Methods", blocks=(Prose(paragraphs=tuple(paragraphs)),))


def provenance_section(study: Study) -> Section:
    """Return the digests, versions, device and command, and the resolved recipe."""
    recipe = "\n".join(_dotted(study.info.recipe)) or "not recorded"
    blocks = (Facts(items=study.provenance), Lines(title="Resolved recipe", text=recipe))
    return Section(anchor="provenance", title="Provenance", blocks=blocks)


def _dotted(table: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield one ``key = value`` line a leaf, as ``--set`` takes them."""
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _dotted(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key} = {json.dumps(value, ensure_ascii=False)}"


def _verdict_rules() -> str:
    return (
        "The verdict follows fixed rules (docs/verdict-and-audits.md). Against a score speak, of the network: false "
        "alarms that differ by 0.10 between adults and children without the target; an AUROC not shown to be above "
        "0.5, or that falls by 0.10 or more outside, and not by chance; half of its skill left without the lungs, or "
        "sources that its features tell apart. Of the data: synthetic images; source or age that alone tells the "
        "classes apart, where no cohort is free of both; nuisance with 80 % of the network's skill, or half of it "
        "outside the lungs. Of the study: images of the training. Doubts are: lesser degrees of these; no cohort whose "
        "sources and ages are known and alike; no external cohort, or a fall of 0.05; test images that were "
        "validation images; no shortcut audit; a sensitivity interval wider than 0.20; a calibration error above "
        "0.05. One finding against makes a score not believable, a doubt alone doubtful."
    )
