"""The few facts of a DICOM header that a `Record` keeps; names and identifiers of the patient are not read.

Pixels are left to ``imaging``.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from covidcxr.core.types import Sex, View
from covidcxr.core.values import read_age, read_sex, read_view


@dataclass(frozen=True, kw_only=True, slots=True)
class DicomFacts:
    """View Position, Patient's Age and Sex, Modality (DICOM PS3.6); ``fault`` says why if there are none."""

    view: View = View.UNKNOWN
    view_verbatim: str = ""
    modality: str = "UNKNOWN"
    sex: Sex | None = None
    sex_verbatim: str = ""
    age_years: float | None = None
    age_verbatim: str = ""
    fault: str = ""


def read_facts(path: Path) -> DicomFacts:
    """Return the facts in a file's header; a file that is no DICOM has none, and ``fault`` says so."""
    import pydicom

    tags: list[str] = ["ViewPosition", "Modality", "PatientSex", "PatientAge"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of odd values, which are kept verbatim here
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags)
            values = {str(tag): str(header.get(tag, "") or "").strip() for tag in tags}
    except Exception as error:  # a damaged header raises anything; the film itself is judged when it is decoded
        return DicomFacts(fault=f"DICOM header unreadable: {type(error).__name__}")
    age = read_age(values["PatientAge"])
    return DicomFacts(
        view=read_view(values["ViewPosition"]),
        view_verbatim=values["ViewPosition"],
        modality=values["Modality"] or "UNKNOWN",
        sex=read_sex(values["PatientSex"]),
        sex_verbatim=values["PatientSex"],
        age_years=age,
        age_verbatim=values["PatientAge"],
    )
