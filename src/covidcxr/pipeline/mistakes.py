"""Images of the mistakes that a network made with the highest confidence, as a report shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from covidcxr.core.types import Radiograph, Sample, View
from covidcxr.dataset.dataset import Dataset
from covidcxr.evaluation.cohort import Cohort
from covidcxr.imaging.encoding import encode_jpeg, shrink, to_uint8
from covidcxr.imaging.reading import read
from covidcxr.outputs.page import Picture

if TYPE_CHECKING:
    from covidcxr.explain.explainer import Explainer

_NUM_MISTAKES = 15
_PICTURE_SIDE = 224
_PICTURE_QUALITY = 78


def surest_mistakes(
    dataset: Dataset, cohort: Cohort, explainer: Explainer | None = None, *, number: int = _NUM_MISTAKES
) -> tuple[Picture, ...]:
    """Return the ``number`` wrong answers with the highest probability, as small images with what was answered.

    With ``explainer``, each has the heat map of the wrong answer below it.
    """
    predicted = cohort.predicted
    confidence = cohort.probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != cohort.labels)
    chosen = wrong[np.argsort(-confidence[wrong], kind="stable")][:number]
    by_id = {sample.record.record_id: sample for sample in dataset.samples}
    pictures = []
    for case in chosen.tolist():
        sample = by_id[cohort.record_ids[case]]
        actual, called = cohort.classes[int(cohort.labels[case])], cohort.classes[int(predicted[case])]
        own = float(cohort.probabilities[case, int(cohort.labels[case])])
        radiograph = read(dataset.image_path(sample))
        heat, words = _heat(explainer, radiograph, called) if explainer is not None else (b"", ())
        pictures.append(
            Picture(
                jpeg=encode_jpeg(shrink(to_uint8(radiograph.pixels), _PICTURE_SIDE), _PICTURE_QUALITY),
                title=f"{actual}, called {called}",
                lines=(f"{confidence[case]:.2f} for {called}, {own:.2f} for {actual}", *words, _about(sample)),
                alt=f"Chest radiograph of class {actual}, which the network called {called}",
                heat=heat,
            )
        )
    return tuple(pictures)


def _heat(explainer: Explainer, radiograph: Radiograph, called: str) -> tuple[bytes, tuple[str, ...]]:
    """Return the radiograph under its heat map as JPEG, and how much of it lies inside the lungs."""
    explanation = explainer.explain(radiograph, target=called)
    overlay = encode_jpeg(shrink(explanation.overlay(radiograph.pixels), _PICTURE_SIDE), _PICTURE_QUALITY)
    if explanation.lung_fraction is None:
        return overlay, (explanation.failed[0],)
    where = f", {explanation.where}" if explanation.where else ""
    return overlay, (f"{explanation.lung_fraction:.0%} of the evidence inside the lungs{where}",)


def _about(sample: Sample) -> str:
    record = sample.record
    facts = [record.source]
    if record.view is not View.UNKNOWN:
        facts.append(record.view.value.replace("_", " ").replace("SUPINE", "supine"))
    if record.age_years is not None:
        facts.append(f"{record.age_years:.0f} years")
    return ", ".join(facts) + f"; {record.record_id.partition(':')[2]}"
