"""What the patients of a folder or table give away: ids that may not be one person's, told and never mended."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

_MANY_IMAGES = 10  # of one patient, and a fifth of all: more than any patient of the public sources has of its source
_SHARE = 0.2
_MOST_IMAGES = 200  # NIH ChestX-ray14 has 184 of its patient with the most
_SHOWN = 3


def patient_notes(images: Iterable[tuple[str | None, str | None]]) -> tuple[str, ...]:
    """Return sentences on patients of several classes and of implausibly many images.

    Args:
        images: Patient and class of every image, None where unknown.
    """
    counts: dict[str, Counter[str | None]] = defaultdict(Counter)
    total = 0
    for patient, label in images:
        total += 1
        if patient is not None:
            counts[patient][label] += 1
    mixed = [patient for patient, labels in counts.items() if len(labels) > 1]
    many = [
        patient
        for patient, labels in counts.items()
        if labels.total() > _MOST_IMAGES or (labels.total() >= _MANY_IMAGES and labels.total() > _SHARE * total)
    ]
    notes = []
    if mixed:
        notes.append(
            f"{len(mixed)} patient{'s' * (len(mixed) > 1)} with images of more than one class: "
            f"{_listed(mixed, counts)}; check that each id is one person's and no word for unknown."
        )
    if many:
        notes.append(
            f"{len(many)} patient{'s' * (len(many) > 1)} with more images than one person is likely to have, "
            f"of {total} in all: {_listed(many, counts)}; check that each id is one person's and no word for unknown."
        )
    return tuple(notes)


def _listed(patients: list[str], counts: dict[str, Counter[str | None]]) -> str:
    shown = sorted(patients, key=lambda patient: (-counts[patient].total(), patient))
    parts = []
    for patient in shown[:_SHOWN]:
        classes = ", ".join(f"{number} {label or 'without a class'}" for label, number in counts[patient].items())
        parts.append(f"{patient} ({classes})")
    return ", ".join(parts) + (", ..." if len(shown) > _SHOWN else "")
