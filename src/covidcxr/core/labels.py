"""The classes that covidcxr knows, and how class names from elsewhere are matched to them.

Matching is by whole name without case or separators, never by substring: ``COVID19``, ``covid-19`` and ``COVID-19`` are
one class, and ``no covid-19`` is another. Signs and question marks say what a name means and are kept: ``COVID+``,
``COVID-``, ``COVID-19?`` and ``!COVID`` are four names. How names are read against a map that a person gives, and
which of them may become one class, is known to `covidcxr.core.class_names`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Literal

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


# Other spellings in public sets: "positive" and "negative" are those of COVIDx, where negative is without COVID-19 and
# not without finding; No_findings is that of Ozturk et al. (muhammedtalo/COVID-19).
_SPELLINGS = {
    COVID19: (
        *("covid", "covid positive", "covid-19 positive", "covid+", "covid-19+", "positive", "SARS-CoV-2"),
        *("SARS-CoV-2+", "SARS-CoV-2 positive", "COVID-19 pneumonia", "COVID pneumonia"),
    ),
    NOT_COVID19: (
        *("non covid", "non covid-19", "no covid", "no covid-19", "not covid", "covid-", "covid-19 (-)", "negative"),
        *("covid negative", "covid-19 negative", "SARS-CoV-2 (-)", "SARS-CoV-2 negative"),
    ),
    NORMAL: ("no finding", "no findings", "healthy"),
    PNEUMONIA: ("other pneumonia", "non covid pneumonia", "non covid-19 pneumonia"),
}
# Names of a part of what the class means, so that several of them in one dataset are one class: those of the Kermany
# set, of RSNA and of the COVID-19 Radiography Database, whose Lung_Opacity is "non-COVID lung infection".
_PARTS = {
    PNEUMONIA: (
        *("viral pneumonia", "bacterial pneumonia", "viral", "bacterial", "lung opacity"),
        *("pneumonia viral", "pneumonia bacterial", "pneumonia virus", "pneumonia bacteria"),
    )
}

_DASHES = "\\-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_DASH = re.compile(f"[{_DASHES}]")
_SEPARATOR = re.compile(rf"(?<=[^\W_])[\s_{_DASHES}]*[{_DASHES}][\s_{_DASHES}]*(?=[^\W_])")
_IGNORED = re.compile(r"[\s_.,:;/\\'\"`()\[\]{}<>|&\u00b7\u2019\u3001\u3002\u30fb]")


def label_key(name: str) -> str:
    """Return ``name`` without case, spaces, brackets and separators.

    Letters and digits of every script stay, and so does every other sign, such as ``+``, ``?`` and ``!``. A hyphen
    between two letters or digits is a separator; any other is a minus, as in ``COVID-`` and ``COVID-19 (-)``.
    """
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    text = "".join(letter for letter in text if unicodedata.category(letter) not in {"Cc", "Cf"})
    text = _SEPARATOR.sub("", text)
    text = _DASH.sub("-", text)
    return _IGNORED.sub("", text)


def find_label(name: str, labels: Iterable[str] = LABELS) -> str | None:
    """Return the label among ``labels`` that ``name`` means, or None.

    A label matches literally first, then by its own key, then by a well-known spelling (``covid`` for COVID-19,
    ``No_findings`` for Normal). A name that consists of separators only matches nothing but itself.
    """
    known = tuple(labels)
    if name in known:
        return name
    key = label_key(name)
    if not key:
        return None
    by_key = {label_key(label): label for label in reversed(known)}
    meaning = _SPELLED.get(key)
    return by_key.get(key) or (by_key.get(label_key(meaning)) if meaning else None)


def is_plain_name(name: str, label: str) -> bool:
    """Return whether ``name`` is ``label`` but for case and separators, or its short form "COVID"."""
    return label_key(name) in {label_key(label), "covid" if label == COVID19 else label_key(label)}


def is_part_of_class(name: str) -> bool:
    """Return whether ``name`` means a part of a class ("Viral Pneumonia"), of which one dataset may have several."""
    return label_key(name) in _PART_KEYS


_SPELLED = {
    label_key(spelling): label
    for table in (_SPELLINGS, _PARTS)
    for label, spellings in table.items()
    for spelling in spellings
}
_PART_KEYS = frozenset(label_key(spelling) for spellings in _PARTS.values() for spelling in spellings)
