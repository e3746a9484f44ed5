"""Ages, sexes, views and numbers as the sources write them.

The verbatim value always travels beside what is made of it; what cannot be understood is unknown, never guessed.
"""

from __future__ import annotations

import re

from covidcxr.core.types import Sex, View

MAX_AGE_YEARS = 120.0  # NIH ChestX-ray14 holds ages such as 155 and 414, which are typing errors

_VIEWS = {
    "pa": View.PA,
    "pa erect": View.PA,
    "ap": View.AP,
    "ap erect": View.AP,
    "ap semi erect": View.AP,
    "ap portable": View.AP,
    "ap supine": View.AP_SUPINE,
    "supine": View.AP_SUPINE,
    "l": View.LATERAL,
    "ll": View.LATERAL,
    "rl": View.LATERAL,
    "lateral": View.LATERAL,
    "axial": View.CT,
    "coronal": View.CT,
    "sagittal": View.CT,
    "ct": View.CT,
}
_MODALITIES = {
    **dict.fromkeys(("ct", "ct scan", "computed tomography"), "CT"),
    **dict.fromkeys(("x ray", "xray", "radiograph", "radiography", "cxr"), "DX"),
}
_DECADE = re.compile(r"(early|mid|late)?\s*-?\s*(\d{1,2})0'?s")
_DECADE_YEARS = {"early": 2.0, "mid": 5.0, "late": 8.0, None: 5.0}
_DICOM_AGE = re.compile(r"(\d{1,3})([DWMY])", re.IGNORECASE)  # value representation AS, DICOM PS3.5 section 6.2
_DAYS = {"D": 1.0, "W": 7.0, "M": 30.4375, "Y": 365.25}


def read_view(text: str) -> View:
    """Return the projection that ``text`` names; UNKNOWN for a blank, "?" and everything unheard of."""
    return _VIEWS.get(_words(text), View.UNKNOWN)


def read_modality(text: str) -> str:
    """Return the modality in DICOM terms: CT for "ct", DX for "X-ray", others in capitals, UNKNOWN for a blank."""
    return _MODALITIES.get(_words(text), text.strip().upper()) or "UNKNOWN"


def read_sex(text: str) -> Sex | None:
    """Return the sex for M, F, O, male, female (any case); None otherwise."""
    return {"m": Sex.MALE, "male": Sex.MALE, "f": Sex.FEMALE, "female": Sex.FEMALE, "o": Sex.OTHER}.get(
        text.strip().casefold()
    )


def read_age(text: str) -> float | None:
    """Return an age in years, or None.

    "65" is 65, "50+" and ">50" their bound, "mid 50s" 55 ("early" 52, "late" 58), "058Y" 58, "003M" 0.25.
    Beyond 120 years it is an error of the source and None.
    """
    age = text.strip().casefold().replace("\u2019", "'")
    years: float | None = None
    if match := _DICOM_AGE.fullmatch(age):
        unit = match[2].upper()
        years = float(match[1]) if unit == "Y" else float(match[1]) * _DAYS[unit] / _DAYS["Y"]
    elif match := _DECADE.fullmatch(age):
        years = float(match[2]) * 10.0 + _DECADE_YEARS[match[1]]
    elif match := re.fullmatch(r"[>~]?\s*(\d{1,3}(?:\.\d+)?)\s*\+?", age):
        years = float(match[1])
    return years if years is not None and years <= MAX_AGE_YEARS else None


def read_number(text: str) -> float | None:
    """Return a plain decimal number, or None ("", "?", "38+")."""
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text.strip()) else None


def _words(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", text.strip().casefold())


def join_notes(*notes: str) -> str:
    """Return the non-empty notes as one line, separated by " | "."""
    return " | ".join(" ".join(note.split()) for note in notes if note.strip())
