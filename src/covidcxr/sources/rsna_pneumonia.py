"""rsna-pneumonia (RSNA Pneumonia Detection Challenge 2018): 26,684 labelled DICOM images, a part of NIH ChestX-ray14.

Layout: ``stage_2_train_images/<patientId>.dcm``, ``stage_2_train_labels.csv`` (one row per box) and
``stage_2_detailed_class_info.csv``; ``stage_2_test_images/`` has no published labels. View, sex and age are in the
DICOM headers.

Patients: the release's ``patientId`` numbers images, not people. ``pneumonia-challenge-dataset-mappings*.json``, which
RSNA published with the annotations, names the NIH image and so the NIH patient: with it, patients carry the ids of
nih-chest-xray14 and stay together across the two sources; without it they are unknown.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

from covidcxr.core.csv_tables import Table
from covidcxr.core.errors import SourceError
from covidcxr.core.labels import NORMAL, PNEUMONIA
from covidcxr.core.types import Record
from covidcxr.core.values import join_notes
from covidcxr.sources import SOURCES
from covidcxr.sources.folder import ImageFolder
from covidcxr.sources.source import Source, SourceInfo, SourceListing, folder_version, listing, refused_problems
from covidcxr.sources.tables import read_table

_LABELS = "stage_2_train_labels.csv"
_CLASSES = "stage_2_detailed_class_info.csv"
_TRAIN, _TEST = "stage_2_train_images", "stage_2_test_images"
_RELEASE = "RSNA Pneumonia Detection Challenge, stage 2 (Kaggle 2018)"
_MEANING = {"lung opacity": PNEUMONIA, "normal": NORMAL, "no lung opacity / not normal": None}


@SOURCES.register("rsna-pneumonia")
class RsnaPneumonia(Source):
    """Reader of the RSNA Pneumonia Detection Challenge."""

    info = SourceInfo(
        name="rsna-pneumonia",
        title="RSNA Pneumonia Detection Challenge (stage 2)",
        folders=("rsna-pneumonia", "rsna-pneumonia-detection-challenge"),
        layout=f"{_LABELS}, {_CLASSES} and {_TRAIN}/",
        licence="the rules of the challenge: academic and non-commercial use, with citation",
        citation=(
            "G. Shih et al. Augmenting the National Institutes of Health Chest Radiograph Dataset with Expert "
            "Annotations of Possible Pneumonia. Radiology: Artificial Intelligence 1(1), 2019."
        ),
        homepage="https://www.kaggle.com/c/rsna-pneumonia-detection-challenge",
    )
    fetch_hint = "accept the rules of the challenge on Kaggle, download it there and unpack it into rsna-pneumonia/"

    def has_layout(self, folder: Path) -> bool:
        """Return whether ``folder`` has the labels and the training images."""
        return (folder / _LABELS).is_file() and (folder / _TRAIN).is_dir()

    def read(self, folder: Path) -> SourceListing:
        """Return every record and problem; the header of every image is read."""
        self.check_layout(folder)
        boxes = read_table(folder / _LABELS, required=("patientId", "Target"), release=_RELEASE)
        findings, rows = _findings(folder, boxes)
        files = ImageFolder(folder, (_TRAIN, _TEST), suffixes=frozenset({".dcm"}))
        problems = refused_problems(self, files)
        patients = _nih_patients(folder)
        records, seen = [], set()
        for name in files.names:
            stem = PurePosixPath(name).stem
            if name.startswith(_TRAIN) and stem not in findings:
                problems.append(self.problem("no-metadata", files.key(name), name, f"no row of {_LABELS} names it"))
                continue
            seen.add(stem)
            records.append(self._record(files, name, findings.get(stem, ""), patients.get(stem)))
        for stem in findings.keys() - seen:
            path = f"{_TRAIN}/{stem}.dcm"
            if path not in files.refused:
                problems.append(self.problem("no-file", f"{stem}.dcm", path, f"{_LABELS}: no such file"))
        version = folder_version(folder, boxes.path)
        return listing(self, records, problems, version=version, num_rows=rows, files=files)

    def _record(self, files: ImageFolder, name: str, finding: str, patient: str | None) -> Record:
        from covidcxr.imaging.dicom.facts import facts_and_fault

        path = files.path(name)
        facts, fault = facts_and_fault(path)
        unlabelled = "" if finding else "test part of the challenge, labels not published"
        return Record(
            record_id=f"{self.info.name}:{files.key(name)}",
            source=self.info.name,
            path=path,
            patient_id=f"nih-chest-xray14:{patient}" if patient else None,
            view=facts.view,
            view_verbatim=facts.view_verbatim,
            modality=facts.modality or "UNKNOWN",
            finding=finding,
            label=_MEANING.get(finding.casefold()),
            sex=facts.sex,
            sex_verbatim=facts.sex_verbatim,
            age_years=facts.age_years,
            age_verbatim=facts.age_verbatim,
            licence=self.info.licence,
            url=self.info.homepage,
            notes=join_notes(unlabelled, fault),
        )


def _findings(folder: Path, boxes: Table) -> tuple[dict[str, str], int]:
    """Return finding by image, and the number of images that the tables describe.

    The detailed table knows three classes; where it is missing, a target of 1 is a lung opacity and 0 says nothing.
    """
    findings = {row["patientId"]: "Lung Opacity" if row["Target"] == "1" else "Target 0" for row in boxes.rows}
    if (folder / _CLASSES).is_file():
        detailed = read_table(folder / _CLASSES, required=("patientId", "class"), release=_RELEASE)
        for row in detailed.rows:
            if row["patientId"] in findings:
                findings[row["patientId"]] = row["class"]
    return findings, len(findings)


def _nih_patients(folder: Path) -> dict[str, str]:
    """Return the NIH patient number by image, from the mapping that RSNA published; empty where it is not there.

    Raises:
        SourceError: If the file is there but is not that mapping.
    """
    patients: dict[str, str] = {}
    for path in sorted(folder.glob("pneumonia-challenge-dataset-mappings*.json")):
        try:
            for entry in json.loads(path.read_text(encoding="utf-8")):
                number = str(entry["img_id"]).partition("_")[0]
                patients[str(entry["subset_img_id"])] = number.lstrip("0") or number
        except (ValueError, TypeError, KeyError) as error:
            raise SourceError(
                f"{path}: not the mapping of the challenge ({type(error).__name__}: {error}); expected a JSON list of "
                "objects with img_id and subset_img_id; fetch it again or remove it"
            ) from None
    return patients
