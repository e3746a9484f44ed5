"""One reader of header facts: whoever asks, a header says the same of its patient."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

import films
from covidcxr.core.errors import ImageReadError
from covidcxr.core.types import Radiograph, Sex, View
from covidcxr.imaging.dicom.facts import DicomFacts, facts_of, read_facts, read_facts_or_raise
from covidcxr.imaging.reading import read


def written(folder: Path, **attributes: object) -> Path:
    path = folder / "film"
    path.write_bytes(films.dicom(films.film().astype(int), attributes=attributes))
    return path


def test_a_header_is_read_whole_and_verbatim(tmp_path: Path) -> None:
    path = written(tmp_path, PatientSex="F", PatientAge="045Y", ViewPosition="PA", IssuerOfPatientID="A")
    facts = read_facts(path)
    assert facts is not None
    assert (facts.sex, facts.age_years, facts.view, facts.issuer) == (Sex.FEMALE, 45.0, View.PA, "A")
    assert (facts.sex_verbatim, facts.age_verbatim, facts.view_verbatim) == ("F", "045Y", "PA")
    assert "SECRET" not in repr(facts)


@pytest.mark.parametrize(
    ("keyword", "text", "name", "value"),
    [
        ("PatientAge", "414Y", "age_years", None),
        ("PatientSex", "MUJER", "sex", Sex.FEMALE),
        ("PatientSex", "U", "sex", None),
        ("PatientID", "ANONYMOUS", "patient_id", ""),
        ("PatientID", "0", "patient_id", ""),
        ("ViewPosition", "RLD", "view", View.UNKNOWN),
        ("NumberOfFrames", "9" * 40, "num_frames", 1),
        ("StudyDate", "20201332", "taken", None),
    ],
)
def test_what_a_header_cannot_mean_is_unknown(keyword: str, text: str, name: str, value: object) -> None:
    assert getattr(facts_of({keyword: text}), name) == value


@pytest.mark.parametrize("text", ["20200301", "2020.03.01"])
def test_a_day_is_read_as_the_standard_and_its_forerunner_write_it(text: str) -> None:
    assert facts_of({"AcquisitionDate": "", "StudyDate": text}).taken == date(2020, 3, 1)


@pytest.mark.parametrize("position", ["PA", "AP", "LL", "LLD", "RLD", "RLO", "AXIAL", ""])
def test_the_pixel_reader_and_the_fact_reader_see_one_view(position: str, tmp_path: Path) -> None:
    path = written(tmp_path, ViewPosition=position)
    facts, radiograph = read_facts(path), read(path)
    assert isinstance(facts, DicomFacts)
    assert isinstance(radiograph, Radiograph)
    assert facts.view is radiograph.view


def test_no_dicom_file_and_no_file_have_no_facts(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no image")
    assert read_facts(tmp_path / "text") is None
    with pytest.raises(ImageReadError) as caught:
        read_facts_or_raise(tmp_path / "missing")
    assert caught.value.reason == "not-dicom"
