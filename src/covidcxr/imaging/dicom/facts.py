"""What a DICOM header says about a radiograph and its patient before anyone decodes it: the one reader of such facts.

It serves whoever chooses, names or describes images by their headers: inputs of a prediction, a hospital's folder, a
public source. Who the patient is leaves this module only in `DicomFacts.patient_id`, for a pseudonym or a group to be
made of it. What the values mean is known to `covidcxr.core.values`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from io import BytesIO
from pathlib import Path

from pydicom import dcmread

from covidcxr.core.errors import ImageReadError
from covidcxr.core.types import Sex, View
from covidcxr.core.values import read_age, read_patient, read_sex, read_view_position
from covidcxr.imaging.dicom.deflated import inflate, is_deflated
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
    "IssuerOfPatientID": "00100021",
    "PatientSex": "00100040",
    "PatientAge": "00101010",
    "Rows": "00280010",
    "Columns": "00280011",
}
_HEAD_BYTES = 4096
_MAX_DIGITS = 12  # of an integer string, IS (PS3.5 6.2)
_DATES = ("AcquisitionDate", "ContentDate", "StudyDate")
_DATE_FORMATS = ("%Y%m%d", "%Y.%m.%d")  # DA; the second is that of ACR-NEMA, which readers may meet (PS3.5 6.2)


@dataclass(frozen=True, kw_only=True, slots=True)
class DicomFacts:
    """What a header says.

    Attributes:
        modality, view: Empty and UNKNOWN if it does not tell.
        taken: Day of the acquisition, else of the content, else of the study (PS3.3 C.7.6.1, C.7.2.1).
        sop_instance_uid: Empty if it does not tell.
        num_frames: 1 if it does not tell.
        rows, columns: 0 if it does not tell.
        patient_id: Empty if it does not tell, or has a word for unknown in its place ("ANONYMOUS", "0").
        issuer: Who issued the PatientID; empty if it does not tell.
        sex, age_years: None if it does not tell, or tells what cannot be.
        view_verbatim, sex_verbatim, age_verbatim: As the header writes them.
    """

    modality: str = ""
    view: View = View.UNKNOWN
    taken: date | None = None
    sop_instance_uid: str = ""
    num_frames: int = 1
    rows: int = 0
    columns: int = 0
    patient_id: str = field(default="", repr=False)
    issuer: str = field(default="", repr=False)
    sex: Sex | None = None
    age_years: float | None = None
    view_verbatim: str = ""
    sex_verbatim: str = ""
    age_verbatim: str = ""


def read_facts(path: Path) -> DicomFacts | None:
    """Return the facts of one file; None if it is no DICOM file, or one whose header cannot be read."""
    try:
        return read_facts_or_raise(path)
    except ImageReadError:  # reading the image will tell what is wrong with it
        return None


def facts_and_fault(path: Path) -> tuple[DicomFacts, str]:
    """Return the facts of one file, and what is wrong with its header; the image is judged when it is decoded."""
    try:
        return read_facts_or_raise(path), ""
    except ImageReadError as error:
        return DicomFacts(), f"DICOM header unreadable: {error.reason}"


def read_facts_or_raise(path: Path) -> DicomFacts:
    """Return the facts of one file.

    Raises:
        ImageReadError: If it is no DICOM file (``reason`` is ``not-dicom``), or its header cannot be read
            (``undecodable``).
    """
    try:
        if not path.is_file():  # opening a pipe would wait for ever
            raise ImageReadError(f"{path}: no regular file; expected a DICOM file", reason="not-dicom")
        with path.open("rb") as stream, QUIET:
            head = stream.read(_HEAD_BYTES)
            if sniff(head) is not FileFormat.DICOM:
                raise ImageReadError(f"{path}: not a DICOM file", reason="not-dicom")
            stream.seek(0)
            body = BytesIO(inflate(stream.read(), "")) if is_deflated(head) else stream
            header = dcmread(body, force=True, stop_before_pixels=True, specific_tags=list(FACT_TAGS))
            values = {keyword: str(header.get(keyword) or "").strip() for keyword in FACT_TAGS}
    except ImageReadError:
        raise
    except Exception as error:  # hostile headers raise anything
        raise ImageReadError(f"{path}: the DICOM header cannot be read ({type(error).__name__})") from error
    return facts_of(values)


def facts_of(values: Mapping[str, str]) -> DicomFacts:
    """Return the facts that the values of `FACT_TAGS`, by keyword, tell."""
    days = (_day(values.get(keyword, "")) for keyword in _DATES)
    view, sex, age = (values.get(keyword, "") for keyword in ("ViewPosition", "PatientSex", "PatientAge"))
    return DicomFacts(
        modality=values.get("Modality", "").upper(),
        view=read_view_position(view),
        taken=next((day for day in days if day is not None), None),
        sop_instance_uid=values.get("SOPInstanceUID", ""),
        num_frames=_whole(values.get("NumberOfFrames", ""), 1),
        rows=_whole(values.get("Rows", ""), 0),
        columns=_whole(values.get("Columns", ""), 0),
        patient_id=read_patient(values.get("PatientID", "")) or "",
        issuer=values.get("IssuerOfPatientID", ""),
        sex=read_sex(sex),
        age_years=read_age(age),
        view_verbatim=view,
        sex_verbatim=sex,
        age_verbatim=age,
    )


def _whole(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() and len(text) <= _MAX_DIGITS else otherwise


def _day(text: str) -> date | None:
    """Return a DICOM date (DA, PS3.5 6.2: YYYYMMDD), or None if it is none."""
    for layout in _DATE_FORMATS:
        try:
            return datetime.strptime(text, layout).date()
        except ValueError:
            continue
    return None
