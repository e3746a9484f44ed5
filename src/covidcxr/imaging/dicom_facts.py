"""What a DICOM header says about a film before anyone decodes it: enough to choose films by, nothing about a person."""

from __future__ import annotations

import warnings as python_warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from pydicom import dcmread

from covidcxr.core.types import View
from covidcxr.imaging.dicom import HEADER_LOCK
from covidcxr.imaging.dicom_header import view_of
from covidcxr.imaging.formats import HEAD_BYTES, FileFormat, sniff

FACT_TAGS = {
    "Modality": "00080060",
    "ViewPosition": "00185101",
    "AcquisitionDate": "00080022",
    "ContentDate": "00080023",
    "StudyDate": "00080020",
}
_DATES = ("AcquisitionDate", "ContentDate", "StudyDate")


@dataclass(frozen=True, kw_only=True, slots=True)
class DicomFacts:
    """Modality, projection and the day the film was taken (acquisition, else content, else study; PS3.3 C.7.6.1)."""

    modality: str
    view: View
    taken: date | None


def read_facts(path: Path) -> DicomFacts | None:
    """Return the facts of one file; None if it is no DICOM file, or one whose header cannot be read."""
    try:
        with path.open("rb") as stream:
            if sniff(stream.read(HEAD_BYTES)) is not FileFormat.DICOM:
                return None
        with HEADER_LOCK, python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore")
            header = dcmread(path, force=True, stop_before_pixels=True, specific_tags=list(FACT_TAGS))
            values = {keyword: str(header.get(keyword) or "").strip() for keyword in FACT_TAGS}
    except Exception:  # hostile headers raise anything; reading the film will tell what is wrong with it
        return None
    return facts_of(values)


def facts_of(values: Mapping[str, str]) -> DicomFacts:
    """Return the facts that the values of `FACT_TAGS`, by keyword, tell."""
    days = (_day(values[keyword]) for keyword in _DATES)
    taken = next((day for day in days if day is not None), None)
    return DicomFacts(modality=values["Modality"].upper(), view=view_of(values["ViewPosition"]), taken=taken)


def _day(text: str) -> date | None:
    """Return a DICOM date (DA, PS3.5 6.2: YYYYMMDD), or None if it is none."""
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        return None
