from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from covidcxr.cli.main import run_command
from covidcxr.core.errors import DatasetError, EvaluationError
from covidcxr.core.types import Sex, View
from covidcxr.dataset.hospital import open_hospital_folder
from covidcxr.evaluation.settings import EvaluationSettings
from covidcxr.pipeline.evaluate import evaluate
from covidcxr.pipeline.validate import validate
from study_builders import CLASSES, write_bundle, write_class_folders, write_dataset

COMPUTED_RADIOGRAPHY = "1.2.840.10008.5.1.4.1.1.1"


def write_image(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 40), dtype=np.uint8)).save(path)


def write_dicom(path: Path, *, patient: str, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = COMPUTED_RADIOGRAPHY
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    film.SOPClassUID, film.SOPInstanceUID = COMPUTED_RADIOGRAPHY, meta.MediaStorageSOPInstanceUID
    film.Modality, film.PatientName, film.PatientID = "CR", "Secret^Name", patient
    film.PatientSex, film.PatientAge, film.ViewPosition = "F", "071Y", "PA"
    film.Rows = film.Columns = 40
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.BitsAllocated = film.BitsStored = 8
    film.HighBit, film.PixelRepresentation = 7, 0
    film.PixelData = np.random.default_rng(seed).integers(0, 256, (40, 40), dtype=np.uint8).tobytes()
    film.save_as(path, enforce_file_format=True)


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    """A folder with labels.csv: five PNGs of three patients and two DICOM images of one."""
    folder = tmp_path / "ward"
    rows = [
        ("a.png", "covid", "Jane Doe", "F", "64", "AP"),
        ("b.png", "covid", "Jane Doe", "F", "64", ""),
        ("c.png", "No finding", "John", "m", "", "PA"),
        ("d.png", "No finding", "", "", "x", ""),
        ("e.png", "Pneumonia", "Ann", "", "50", ""),
        ("sub/f.dcm", "Normal", "", "", "", ""),
        ("sub/g.dcm", "Normal", "", "", "", ""),
    ]
    for seed, row in enumerate(rows[:5]):
        write_image(folder / row[0], seed)
    write_dicom(folder / "sub" / "f.dcm", patient="MRN-1", seed=1)
    write_dicom(folder / "sub" / "g.dcm", patient="MRN-1", seed=2)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Path", "Label", "patient_id", "sex", "age_years", "view"])
        writer.writerows(rows)
    return folder


def test_a_table_of_labels_is_read_with_patients_kept_together_and_unnamed(ward: Path) -> None:
    dataset = open_hospital_folder(ward, CLASSES, {})
    by_key = {sample.image: sample for sample in dataset.samples}
    assert by_key["a.png"].group_id == by_key["b.png"].group_id
    assert by_key["a.png"].group_id.startswith("hospital:patient-")
    assert by_key["d.png"].group_id == "hospital:d.png"
    record = by_key["a.png"].record
    assert (record.label, record.age_years, record.sex, record.view) == ("COVID-19", 64.0, Sex.FEMALE, View.AP)
    assert by_key["d.png"].record.age_years is None
    text = repr(dataset.manifest)
    assert not any(name in text for name in ("Jane", "John", "Ann", "MRN", "Secret"))


def test_dicom_headers_fill_what_the_table_leaves_open(ward: Path) -> None:
    samples = {sample.image: sample for sample in open_hospital_folder(ward, CLASSES, {}).samples}
    record = samples["sub/f.dcm"].record
    assert (record.age_years, record.sex, record.view) == (71.0, Sex.FEMALE, View.PA)
    assert samples["sub/f.dcm"].group_id == samples["sub/g.dcm"].group_id


@pytest.mark.parametrize(
    ("header", "row", "words"),
    [
        ("path,diagnosis", "a.png,covid", "no column 'label' .found: path, diagnosis"),
        ("path,label", "../a.png,covid", "line 2, column 'path': '../a.png' is no file below"),
        ("path,label", "zzz.png,covid", "line 2, column 'path': no file 'zzz.png'"),
        (
            "path,label",
            "a.png,Tuberculosis",
            "line 2, column 'label': class 'Tuberculosis' is none of COVID-19, Normal, Pneumonia; rename",
        ),
        ("path,label", "", "no row"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused_with_its_line(ward: Path, header: str, row: str, words: str) -> None:
    (ward / "labels.csv").write_text(f"{header}\n{row}\n" if row else f"{header}\n")
    with pytest.raises(DatasetError, match=words):
        open_hospital_folder(ward, CLASSES, {})


def test_labels_can_be_mapped(ward: Path) -> None:
    (ward / "labels.csv").write_text("path,label\na.png,Viral Pneumonia\nb.png,covid\n")
    samples = open_hospital_folder(ward, CLASSES, {"viral pneumonia": "Pneumonia"}).samples
    assert [sample.label for sample in samples] == ["Pneumonia", "COVID-19"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("home")
    manifest = write_dataset(root / "dataset", num_each=3)
    write_bundle(root, manifest.digest)
    evaluate(
        root / "bundle",
        [root / "dataset"],
        root / "report",
        cache=root / "cache",
        settings=EvaluationSettings(rounds=20, pictures=False),
    )
    return root


def test_a_validation_stands_beside_the_earlier_report_and_shows_nobody(
    home: Path, ward: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["validate", str(home / "bundle"), str(ward), "--out", str(out), "--rounds", "20"]
    assert run_command([*arguments, "--prevalence", "COVID-19=0.05", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["cohorts"][0]["num_images"] == 7
    assert printed["cohorts"][0]["num_patients"] == 5
    assert "ppv_at/COVID-19" in printed["cohorts"][0]["metrics"]
    html = (out / "report.html").read_text(encoding="utf-8")
    assert "Before and here" in html
    assert "mini, test" in html
    assert "data:image/jpeg" not in html
    everything = html + (out / "report.json").read_text() + (out / "predictions.csv").read_text()
    assert not any(name in everything for name in ("Jane", "John", "MRN-1", "Secret"))


def test_class_folders_are_enough_and_need_no_earlier_report(home: Path, tmp_path: Path) -> None:
    folder = write_class_folders(tmp_path / "images", {"COVID-19": 4, "Normal": 5})
    report = validate(
        write_bundle(tmp_path / "elsewhere", ""), folder, tmp_path / "out", settings=EvaluationSettings(rounds=10)
    )
    assert report.num_images == 9
    assert "Before and here" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"no report\.json of this bundle"):
        validate(
            home / "bundle",
            folder,
            tmp_path / "again",
            against=tmp_path / "images",
            settings=EvaluationSettings(rounds=10),
        )


@pytest.mark.parametrize(
    ("counts", "class_map"),
    [
        ({"COVID+": 2, "COVID-": 3}, {"COVID+": "COVID-19", "COVID-": "Normal"}),
        ({"新冠": 2, "正常": 3}, {"新冠": "COVID-19", "正常": "Normal"}),
        ({"Ковид": 2, "Норма": 3}, {"Ковид": "COVID-19", "Норма": "Normal"}),
        ({"Covid-19": 2, "No_findings": 3}, {}),
    ],
)
def test_folder_names_in_any_script_and_with_signs_keep_their_class(
    counts: dict[str, int], class_map: dict[str, str], home: Path, tmp_path: Path
) -> None:
    folder = write_class_folders(tmp_path / "images", counts)
    settings = EvaluationSettings(class_map=class_map, explain=False, rounds=10)
    report = validate(home / "bundle", folder, tmp_path / "out", settings=settings)
    assert report.confusion.sum(axis=1).tolist() == [2, 3, 0]
    for name, label in class_map.items():
        assert f"{name!r} taken as {label}" in " ".join(report.notes)


def test_a_negative_is_no_class_of_a_bundle_without_one(home: Path, tmp_path: Path) -> None:
    folder = write_class_folders(tmp_path / "images", {"COVID+": 2, "COVID-": 3})
    with pytest.raises(DatasetError, match="class 'COVID-' is none of COVID-19, Normal, Pneumonia"):
        validate(home / "bundle", folder, tmp_path / "out", settings=EvaluationSettings(explain=False, rounds=10))
    table = "path,label\nCOVID+/0.png,COVID-19 +\nCOVID-/0.png,COVID-19 -\n"
    (folder / "labels.csv").write_text(table)
    with pytest.raises(DatasetError, match="labels.csv, line 3, column 'label': class 'COVID-19 -' is none of"):
        validate(home / "bundle", folder, tmp_path / "out", settings=EvaluationSettings(explain=False, rounds=10))
