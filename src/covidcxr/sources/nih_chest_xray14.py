"""nih-chest-xray14 (Wang et al. 2017, NIH Clinical Center): 112,120 frontal images of 30,805 patients, mostly adults.

Layout: ``images/`` (or ``images_001/images/`` ... ``images_012/images/`` as the archives unpack) and
``Data_Entry_2017_v2020.csv`` (or the first edition, ``Data_Entry_2017.csv``, whose ages read "058Y"). The labels were
text-mined from reports, about nine in ten of them right by the authors' own count. ``test_list.txt`` and
``train_val_list.txt``, where present, give the official split. A subset with its own rows is as good as the whole.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from covidcxr.core.labels import NORMAL, PNEUMONIA
from covidcxr.core.types import Record, Split
from covidcxr.core.values import join_notes, read_age, read_sex, read_view
from covidcxr.sources import SOURCES
from covidcxr.sources.folder import ImageFolder
from covidcxr.sources.plan import FetchPlan, KaggleFiles, RemoteArchive
from covidcxr.sources.source import (
    Match,
    Source,
    SourceInfo,
    SourceListing,
    agreed_label,
    folder_version,
    listing,
    match_rows,
)
from covidcxr.sources.tables import read_table, read_text

_TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
_BOX_KEYS = (  # the direct links of batch_download_zips.py in the NIH Box folder
    "vfk49d74nhbxq3nqjg0900w5nvkorp5c",
    "i28rlmbvmfjbl8p2n3ril0pptcmcu9d1",
    "f1t00wrtdk94satdfb9olcolqx20z2jp",
    "0aowwzs5lhjrceb3qp67ahp0rd1l1etg",
    "v5e3goj22zr6h8tzualxfsqlqaygfbsn",
    "asi7ikud9jwnkrnkj99jnpfkjdes7l6l",
    "jn1b4mw4n6lnh74ovmcjb8y48h8xj07n",
    "tvpxmn7qyrgl0w8wfh9kqfjskv6nmm1j",
    "upyy3ml7qdumlgk2rfcvlb9k6gvqq2pj",
    "l6nilvfa9cg3s28tqv1qc1olm3gnz54p",
    "hhq8fkdgvcari67vfhs7ppg2w6ni4jze",
    "ioqwiy20ihqwyr8pf4c24eazhh281pbu",
)
_COLUMNS = (
    "Image Index",
    "Finding Labels",
    "Follow-up #",
    "Patient ID",
    "Patient Age",
    "Patient Gender",
    "View Position",
)
_RELEASE = "NIH ChestX-ray14 (Data_Entry_2017; columns: " + ", ".join(_COLUMNS) + ")"
_LISTS: dict[str, Split] = {"train_val_list.txt": "train", "test_list.txt": "test"}


def read_findings(findings: str) -> str | None:
    """Return the class of a ``|`` list: Pneumonia if it is in the list, Normal for "No Finding" alone, else None."""
    names = [name.strip().casefold() for name in findings.split("|")]
    if "pneumonia" in names:
        return PNEUMONIA
    return NORMAL if names == ["no finding"] else None


@SOURCES.register("nih-chest-xray14")
class NihChestXray14(Source):
    """Reader of NIH ChestX-ray14."""

    info = SourceInfo(
        name="nih-chest-xray14",
        title="NIH ChestX-ray14 (Wang et al.)",
        folders=("nih-chest-xray14", "nih-chest-xray14-subset", "ChestXray-NIHCC", "ChestX-ray14", "nih-chest-xrays"),
        layout="Data_Entry_2017_v2020.csv (or Data_Entry_2017.csv) beside images/ (or images_001/images/ ...)",
        licence="free use with citation and a link to the NIH Clinical Center",
        citation="X. Wang et al. ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks. CVPR 2017.",
        homepage="https://nihcc.app.box.com/v/ChestXray-NIHCC",
    )
    plan = FetchPlan(
        version="NIH Box archives, Data_Entry_2017 of Kaggle nih-chest-xrays/data/versions/3",
        archives=tuple(
            RemoteArchive(origin="nih", path=f"{key}.gz", file_name=f"images_{number:03d}.tar.gz", keep=("images",))
            for number, key in enumerate(_BOX_KEYS, start=1)
        ),
        kaggle=KaggleFiles(
            handle="nih-chest-xrays/data/versions/3",
            files=("Data_Entry_2017.csv", "train_val_list.txt", "test_list.txt"),
        ),
        note="42 GB in 12 archives, resumed one by one; the table comes through the Kaggle client",
    )

    def has_layout(self, folder: Path) -> bool:
        """Return whether ``folder`` has a table and at least one image folder."""
        return any((folder / name).is_file() for name in _TABLES) and bool(_image_folders(folder))

    def read(self, folder: Path) -> SourceListing:
        """Return every record and problem."""
        self.check_layout(folder)
        path = next(folder / name for name in _TABLES if (folder / name).is_file())
        table = read_table(path, required=_COLUMNS, release=_RELEASE)
        files = ImageFolder(folder, _image_folders(folder))
        by_name: dict[str, str] = {}
        for name in files.names:
            by_name.setdefault(PurePosixPath(name).name.casefold(), name)

        def claim(row: dict[str, str]) -> str:
            image = row["Image Index"]
            return by_name.get(image.casefold(), f"images/{image}" if image else "")

        matches, problems = match_rows(self, table, files, claim)
        splits = _official_splits(folder)
        records = [self._record(match, splits) for match in matches]
        version = folder_version(folder, table.path)
        return listing(self, records, problems, version=version, num_rows=len(table.rows), files=files)

    def _record(self, match: Match, splits: dict[str, Split]) -> Record:
        row, name = match.row, self.info.name
        label, doubt = agreed_label(match, lambda other: read_findings(other["Finding Labels"]))
        patient = row["Patient ID"].lstrip("0") or row["Patient ID"]
        return Record(
            record_id=f"{name}:{match.key}",
            source=name,
            path=match.path,
            patient_id=f"{name}:{patient}" if patient else None,
            study_id=f"{name}:{patient}:{row['Follow-up #']}" if patient and row["Follow-up #"] else None,
            view=read_view(row["View Position"]),
            view_verbatim=row["View Position"],
            modality="DX",
            finding=row["Finding Labels"],
            label=label,
            split=splits.get(match.path.name),
            sex=read_sex(row["Patient Gender"]),
            sex_verbatim=row["Patient Gender"],
            age_years=read_age(row["Patient Age"]),
            age_verbatim=row["Patient Age"],
            licence=self.info.licence,
            url=self.info.homepage,
            notes=join_notes(doubt),
        )


def _image_folders(folder: Path) -> list[str]:
    numbered = [f"images_{number:03d}" for number in range(1, 13)]
    return [name for name in ("images", *numbered) if (folder / name).is_dir()]


def _official_splits(folder: Path) -> dict[str, Split]:
    splits: dict[str, Split] = {}
    for name, split in _LISTS.items():
        if (folder / name).is_file():
            splits.update(dict.fromkeys(read_text(folder / name, _RELEASE).split(), split))
    return splits
