"""chest-xray-pneumonia (Kermany et al. 2018, Kaggle edition by P. Mooney): children of 1 to 5 years, Guangzhou.

Layout: ``{train,test,val}/{NORMAL,PNEUMONIA}/`` and no metadata: label, split and patient are in the paths.

Patients, as the release's own split shows (its authors kept patients apart):

* ``personN_bacteria_M`` and ``personN_virus_M``: the number together with the type. 170 numbers occur in train and in
  test, but no pair of number and type does.
* ``IM-N-...`` and ``NORMAL2-IM-N-...``: the number together with its prefix. Of 328 numbers that have both prefixes, 94
  lie in different splits, but no pair of prefix and number does.
* ``BACTERIA-N-M``, ``VIRUS-N-M``, ``NORMAL-N-M``: the names of the later Mendeley editions; likewise.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from covidcxr.core.labels import NORMAL, PNEUMONIA, find_label
from covidcxr.core.types import Exclusion, Record, Split
from covidcxr.core.values import join_notes
from covidcxr.sources import SOURCES
from covidcxr.sources.folder import ImageFolder
from covidcxr.sources.plan import FetchPlan, KaggleFiles
from covidcxr.sources.source import Source, SourceInfo, SourceListing, folder_version, listing, refused_problems

_SPLITS: dict[str, Split] = {"train": "train", "test": "test", "val": "val"}
_PATIENTS = (
    re.compile(r"(?P<number>person\d+)_(?P<kind>bacteria|virus)_\d+(?:_\d+)?", re.IGNORECASE),
    re.compile(r"(?P<kind>(?:NORMAL2-)?IM)-(?P<number>\d+)(?:-\d+)+", re.IGNORECASE),
    re.compile(r"(?P<kind>BACTERIA|VIRUS|NORMAL)-(?P<number>\d+)-\d+", re.IGNORECASE),
)
_AGES = "1-5 years, as the release says of all its patients"
_CAUSES = {"bacteria": "bacterial by file name", "virus": "viral by file name"}


def read_patient(stem: str) -> tuple[str, str] | None:
    """Return (patient, kind) of a file name without its ending, or None where the name tells neither."""
    for pattern in _PATIENTS:
        if match := pattern.fullmatch(stem):
            kind, number = match["kind"].lower(), match["number"].lower()
            return f"{number}_{kind}" if number.startswith("person") else f"{kind}-{number}", kind
    return None


@SOURCES.register("chest-xray-pneumonia")
class ChestXrayPneumonia(Source):
    """Reader of chest-xray-pneumonia."""

    info = SourceInfo(
        name="chest-xray-pneumonia",
        title="Chest X-Ray Images (Pneumonia) (Kermany et al., Kaggle edition)",
        folders=("chest-xray-pneumonia", "chest_xray", "chest-xray", "chestxraypneumonia"),
        layout="train/ and test/ (and val/), each with NORMAL/ and PNEUMONIA/",
        licence="CC BY 4.0",
        citation=(
            "D. Kermany et al. Identifying Medical Diagnoses and Treatable Diseases by Image-Based Deep Learning. "
            "Cell 172(5), 2018; P. Mooney, Chest X-Ray Images (Pneumonia), Kaggle."
        ),
        homepage="https://www.kaggle.com/datasets/paultimothymooney/chest-xray-pneumonia",
    )
    plan = FetchPlan(
        version="Kaggle version 2",
        kaggle=KaggleFiles(handle="paultimothymooney/chest-xray-pneumonia/versions/2", keep=("train", "test", "val")),
        note="2.3 GB through the Kaggle client, which keeps what arrived",
    )

    def has_layout(self, folder: Path) -> bool:
        """Return whether ``folder`` has train and test with both classes."""
        return all((folder / part / label).is_dir() for part in ("train", "test") for label in ("NORMAL", "PNEUMONIA"))

    def read(self, folder: Path) -> SourceListing:
        """Return every record and problem."""
        self.check_layout(folder)
        files = ImageFolder(folder, _SPLITS)
        problems = refused_problems(self, files)
        records = []
        for name in files.names:
            found = self._record(files, name)
            if isinstance(found, Record):
                records.append(found)
            else:
                problems.append(found)
        return listing(self, records, problems, version=folder_version(folder), num_rows=0, files=files)

    def _record(self, files: ImageFolder, name: str) -> Record | Exclusion:
        parts = PurePosixPath(name).parts
        label = find_label(parts[1], (NORMAL, PNEUMONIA)) if len(parts) == 3 else None
        if label is None:
            return self.problem("no-metadata", files.key(name), name, "lies in no class folder of the release")
        patient = read_patient(PurePosixPath(name).stem)
        kind = patient[1] if patient else ""
        return Record(
            record_id=f"{self.info.name}:{files.key(name)}",
            source=self.info.name,
            path=files.path(name),
            patient_id=f"{self.info.name}:{patient[0]}" if patient else None,
            modality="DX",
            finding=parts[1],
            label=label,
            split=_SPLITS[parts[0]],
            age_verbatim=_AGES,
            licence="CC BY 4.0",
            url=self.info.homepage,
            notes=join_notes(
                _CAUSES.get(kind, ""),
                "" if patient else "patient unknown: the file name follows no pattern of the release",
            ),
        )
