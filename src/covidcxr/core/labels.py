"""The classes that covidcxr knows, and how class names from elsewhere are matched to them.

Matching is by whole name without case or punctuation, never by substring: ``COVID19``, ``covid-19`` and
``COVID-19`` are one class, and ``no covid-19`` is another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from covidcxr.core.errors import DatasetError

COVID19 = "COVID-19"
NORMAL = "Normal"
PNEUMONIA = "Pneumonia"  # pneumonia of another cause than SARS-CoV-2, as in Zhong 2020
NOT_COVID19 = "Not COVID-19"

LABELS: tuple[str, ...] = (COVID19, NORMAL, PNEUMONIA, NOT_COVID19)

# What a radiograph shows, in the four categories of the RSNA consensus as the SIIM-FISABIO-RSNA challenge words them
# (S. Simpson et al., Radiology: Cardiothoracic Imaging 2(2), 2020; P. Lakhani et al., J. Digital Imaging 36, 2023).
TYPICAL = "Typical Appearance"
INDETERMINATE = "Indeterminate Appearance"
ATYPICAL = "Atypical Appearance"
NEGATIVE = "Negative for Pneumonia"

APPEARANCES: tuple[str, ...] = (TYPICAL, INDETERMINATE, ATYPICAL, NEGATIVE)

LabelKind = Literal["diagnosis", "appearance"]


def label_kind(label: str | None) -> LabelKind | None:
    """Return what a record's label says: what the patient has, or what the image shows; None without a label."""
    if label is None:
        return None
    return "appearance" if label in APPEARANCES else "diagnosis"


Meaning = Literal["diagnosis", "appearance", "both"]

MEANINGS: Mapping[Meaning, str] = {
    "diagnosis": "what the patient has (a test or a report)",
    "appearance": "what the image shows (its radiographic appearance, read by radiologists)",
    "both": "what the patient has in some sources, what the image shows in others",
}


def class_meaning(labels: Iterable[str]) -> Meaning:
    """Return what a class that is made of these labels says."""
    kinds = {label_kind(label) for label in labels}
    if "appearance" not in kinds:
        return "diagnosis"
    return "appearance" if kinds == {"appearance"} else "both"


_ALIASES = {
    "covid": COVID19,
    "noncovid": NOT_COVID19,
    "noncovid19": NOT_COVID19,
    "nocovid": NOT_COVID19,
    "nocovid19": NOT_COVID19,
    "nofinding": NORMAL,
    "healthy": NORMAL,
    "otherpneumonia": PNEUMONIA,
}


def label_key(name: str) -> str:
    """Return ``name`` in lower case with everything but letters and digits removed."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def find_label(name: str, labels: Iterable[str] = LABELS) -> str | None:
    """Return the label among ``labels`` that ``name`` means, or None.

    A label matches by its own key first, then by a well-known alias (``covid`` for COVID-19, ``no finding``
    for Normal).
    """
    by_key = {label_key(label): label for label in labels}
    key = label_key(name)
    if key in by_key:
        return by_key[key]
    alias = _ALIASES.get(key)
    return by_key.get(label_key(alias)) if alias else None


def match_label(name: str, labels: Sequence[str], *, where: str) -> str:
    """Return the label among ``labels`` that ``name`` means.

    Raises:
        DatasetError: If none does; the message names ``where`` and the known labels.
    """
    label = find_label(name, labels)
    if label is None:
        raise DatasetError(
            f"{where}: class {name!r} is none of {', '.join(labels)}; rename it, or map it: evaluate, validate, audit "
            f"and compare take --map '{name}={labels[0]}'"
        )
    return label
