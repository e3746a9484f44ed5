"""Small source trees in the native layouts, for the tests of this folder. Files hold a name, not an image."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from covidcxr.core.types import Record
from covidcxr.sources.phantoms import ACTUALMED_HEADER, COVID_CHESTXRAY_HEADER, FIGURE1_HEADER, NIH_HEADER
from covidcxr.sources.source import SourceListing

Row = Mapping[str, str]


def write_table(path: Path, header: str, rows: Sequence[Row], encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding=encoding, newline="") as stream:
        writer = csv.DictWriter(stream, header.split(","), restval="")
        writer.writeheader()
        writer.writerows(rows)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")


def write_dicom(path: Path, *, view: str = "PA", sex: str = "F", age: str = "51") -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    film.SOPClassUID, film.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    film.Modality, film.ViewPosition, film.PatientSex, film.PatientAge = "CR", view, sex, age.zfill(3) + "Y"
    film.PatientID = path.stem
    film.Rows = film.Columns = 4
    film.BitsAllocated = film.BitsStored = 8
    film.HighBit, film.PixelRepresentation, film.SamplesPerPixel = 7, 0, 1
    film.PhotometricInterpretation = "MONOCHROME2"
    film.PixelData = np.zeros((4, 4), np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    film.save_as(path, enforce_file_format=True)


def covid_chestxray(folder: Path, *rows: Row, files: Sequence[str] = ()) -> Path:
    defaults = {"patientid": "2", "finding": "COVID-19", "view": "PA", "modality": "X-ray", "folder": "images"}
    write_table(folder / "metadata.csv", COVID_CHESTXRAY_HEADER, [{**defaults, **row} for row in rows])
    (folder / "images").mkdir()
    touch(folder, *files)
    return folder


def figure1(folder: Path, *rows: Row, files: Sequence[str] = (), encoding: str = "cp1252") -> Path:
    defaults = {"finding": "COVID-19", "modality": "X-ray"}
    write_table(folder / "metadata.csv", FIGURE1_HEADER, [{**defaults, **row} for row in rows], encoding)
    (folder / "images").mkdir()
    touch(folder, *files)
    return folder


def actualmed(folder: Path, *rows: Row, files: Sequence[str] = ()) -> Path:
    defaults = {"patientid": "ANON1", "finding": "COVID-19", "view": "PA", "modality": "X-ray"}
    write_table(folder / "metadata.csv", ACTUALMED_HEADER, [{**defaults, **row} for row in rows])
    (folder / "images").mkdir()
    touch(folder, *files)
    return folder


def nih(folder: Path, *rows: Row, files: Sequence[str] = (), table: str = "Data_Entry_2017_v2020.csv") -> Path:
    defaults = {
        "Finding Labels": "No Finding",
        "Follow-up #": "0",
        "Patient ID": "17",
        "Patient Age": "40",
        "Patient Gender": "F",
        "View Position": "PA",
    }
    write_table(folder / table, NIH_HEADER, [{**defaults, **row} for row in rows])
    touch(folder, *files)
    return folder


def chest_xray_pneumonia(folder: Path, *files: str) -> Path:
    for part in ("train", "test"):
        for label in ("NORMAL", "PNEUMONIA"):
            (folder / part / label).mkdir(parents=True)
    touch(folder, *files)
    return folder


def only(listing: SourceListing) -> Record:
    (record,) = listing.records
    return record


def rules(listing: SourceListing) -> list[str]:
    return [problem.rule for problem in listing.problems]
