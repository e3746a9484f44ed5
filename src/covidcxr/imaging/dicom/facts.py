"""What a DICOM header says about a film before anyone decodes it: enough to choose it by, and to name it.

Who the patient is leaves this module only in `DicomFacts.patient_id`, for a pseudonym to be made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from io import BytesIO
from pathlib import Path

from pydicom import dcmread

from covidcxr.core.types import View
from covidcxr.imaging.dicom.deflated import inflate, is_deflated
from covidcxr.imaging.dicom.header import view_of
from covidcxr.imaging.formats import FileFormat, sniff
from covidcxr.imaging.quiet import QUIET

FACT_TAGS = {
    "Modality": "00080060",
    "ViewPosition": "00185101",
    "AcquisitionDate": "00080022",
    "ContentDate": "00080023",
    "StudyDate": "00080020",
    "SOPInstanceUID": "00080018",
    "NumberOfFrames": "00280008",
    "PatientID": "00100020",
}
_HEAD_BYTES = 4096
_MAX_DIGITS = 12  # of an integer string, IS (PS3.5 6.2)
_DATES = ("AcquisitionDate", "ContentDate", "StudyDate")


@dataclass(frozen=True, kw_only=True, slots=True)
class DicomFacts:
    """What a header says.

    Attributes:
        modality, view: Empty and UNKNOWN if it does not tell.
        taken: Day of the acquisition, else of the content, else of the study (PS3.3 C.7.6.1).
        sop_instance_uid, patient_id: Empty if it does not tell.
        num_frames: 1 if it does not tell.
    """

    modality: str
    view: View
    taken: date | None
    sop_instance_uid: str = ""
    num_frames: int = 1
    patient_id: str = field(default="", repr=False)


def read_facts(path: Path) -> DicomFacts | None:
    """Return the facts of one file; None if it is no DICOM file, or one whose header cannot be read."""
    try:
        if not path.is_file():  # opening a pipe would wait for ever
            return None
        with path.open("rb") as stream, QUIET:
            head = stream.read(_HEAD_BYTES)
            if sniff(head) is not FileFormat.DICOM:
                return None
            stream.seek(0)
            body = BytesIO(inflate(stream.read(), "")) if is_deflated(head) else stream
            header = dcmread(body, force=True, stop_before_pixels=True, specific_tags=list(FACT_TAGS))
            values = {keyword: str(header.get(keyword) or "").strip() for keyword in FACT_TAGS}
    except Exception:  # hostile headers raise anything; reading the film will tell what is wrong with it
        return None
    return facts_of(values)


def facts_of(values: Mapping[str, str]) -> DicomFacts:
    """Return the facts that the values of `FACT_TAGS`, by keyword, tell."""
    days = (_day(values[keyword]) for keyword in _DATES)
    taken = next((day for day in days if day is not None), None)
    frames = values["NumberOfFrames"]
    return DicomFacts(
        modality=values["Modality"].upper(),
        view=view_of(values["ViewPosition"]),
        taken=taken,
        sop_instance_uid=values["SOPInstanceUID"],
        num_frames=int(frames) if frames.isdecimal() and len(frames) <= _MAX_DIGITS else 1,
        patient_id=values["PatientID"],
    )


def _day(text: str) -> date | None:
    """Return a DICOM date (DA, PS3.5 6.2: YYYYMMDD), or None if it is none."""
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        return None
