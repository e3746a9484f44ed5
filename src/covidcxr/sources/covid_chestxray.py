"""covid-chestxray-dataset (Cohen, Morrison, Dao 2020): X-rays and CT slices from papers and web pages.

Layout: ``images/``, ``volumes/`` (CT, NIfTI) and ``metadata.csv`` with one row per image. Two editions differ in how
``finding`` is written: until August 2020 flat ("COVID-19, ARDS", "SARS"), later a path ("Pneumonia/Viral/COVID-19").

Patients: ``patientid`` is taken whole. A letter behind the number tells different people apart, not images of one:
311a is a man of 68 and 311b a woman of 39, 324a is 69 and 324b 93, and so for every lettered pair of the release.
"""

from __future__ import annotations

from pathlib import Path

from covidcxr.core.labels import COVID19, NORMAL, PNEUMONIA, label_key
from covidcxr.core.types import Record, View
from covidcxr.core.values import join_notes, read_age, read_number, read_sex, read_view
from covidcxr.sources import SOURCES
from covidcxr.sources.folder import ImageFolder
from covidcxr.sources.plan import FetchPlan, github_archive
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
from covidcxr.sources.tables import read_table

_COMMIT = "6a4242344473ccb5ed0d2148d8c7bfb1691e4ed8"
_COLUMNS = ("patientid", "offset", "sex", "age", "finding", "view", "modality", "folder", "filename", "url", "license")
_RELEASE = "covid-chestxray-dataset (ieee8023, 2020 editions; columns: " + ", ".join(_COLUMNS) + ")"

# Findings, as `label_key` writes them, that later editions put below "Pneumonia/".
_PNEUMONIAS = frozenset(
    {
        "pneumonia",
        "bacterial",
        "viral",
        "fungal",
        "aspiration",
        "lipoid",
        "sars",
        "merscov",
        "varicella",
        "influenza",
        "h1n1",
        "herpes",
        "pneumocystis",
        "streptococcus",
        "klebsiella",
        "legionella",
        "ecoli",
        "chlamydophila",
        "mycoplasma",
        "mycoplasmabacterialpneumonia",
        "nocardia",
        "staphylococcus",
        "mrsa",
        "aspergillosis",
    }
)


def read_finding(finding: str) -> str | None:
    """Return the class that a finding of either edition means; None for "todo", "Unknown", ARDS alone and others."""
    names = [label_key(part) for path in finding.split(",") for part in path.split("/")]
    if "covid19" in names:
        return COVID19
    if any(name in _PNEUMONIAS for name in names):
        return PNEUMONIA
    return NORMAL if names == ["nofinding"] else None


@SOURCES.register("covid-chestxray-dataset")
class CovidChestXray(Source):
    """Reader of covid-chestxray-dataset."""

    info = SourceInfo(
        name="covid-chestxray-dataset",
        title="COVID-19 image data collection (Cohen et al.)",
        folders=("covid-chestxray-dataset", "ieee8023-covid-chestxray-dataset"),
        layout="metadata.csv beside images/",
        licence="each image its own, column license (mostly CC BY-NC-SA); blank for some: non-commercial research",
        citation="J. P. Cohen, P. Morrison, L. Dao. COVID-19 image data collection. arXiv:2003.11597, 2020.",
        homepage="https://github.com/ieee8023/covid-chestxray-dataset",
    )
    plan = FetchPlan(
        version=f"commit {_COMMIT}",
        archives=(github_archive("ieee8023/covid-chestxray-dataset", _COMMIT, ("metadata.csv", "images", "volumes")),),
        note="about 1 GB from GitHub, which cannot resume an archive; a later edition than Zhong 2020 used",
    )

    def has_layout(self, folder: Path) -> bool:
        """Return whether ``folder`` has the metadata and the images."""
        return (folder / "metadata.csv").is_file() and (folder / "images").is_dir()

    def read(self, folder: Path) -> SourceListing:
        """Return every record and problem."""
        self.check_layout(folder)
        table = read_table(folder / "metadata.csv", required=_COLUMNS, release=_RELEASE)
        files = ImageFolder(folder, ("images", "volumes"))
        matches, problems = match_rows(self, table, files, _claim)
        records = [self._record(match) for match in matches]
        version = folder_version(folder, table.path)
        return listing(self, records, problems, version=version, num_rows=len(table.rows), files=files)

    def _record(self, match: Match) -> Record:
        row, name = match.row, self.info.name
        label, doubt = agreed_label(match, lambda other: read_finding(other["finding"]))
        is_ct = row["modality"].casefold() == "ct"
        view = View.CT if is_ct else read_view(row["view"])
        unread = "view not stated" if view is View.UNKNOWN else ""
        return Record(
            record_id=f"{name}:{match.key}",
            source=name,
            path=match.path,
            patient_id=f"{name}:{row['patientid']}" if row["patientid"] else None,
            view=view,
            view_verbatim=row["view"],
            modality="CT" if is_ct else "DX" if row["modality"].casefold() == "x-ray" else "UNKNOWN",
            finding=row["finding"],
            label=label,
            sex=read_sex(row["sex"]),
            sex_verbatim=row["sex"],
            age_years=read_age(row["age"]),
            age_verbatim=row["age"],
            day_offset=read_number(row["offset"]),
            offset_verbatim=row["offset"],
            licence=row["license"],
            url=row["url"],
            notes=join_notes(doubt, unread, row.get("clinical_notes", ""), row.get("other_notes", ""), row[""]),
        )


def _claim(row: dict[str, str]) -> str:
    return f"{row['folder'] or 'images'}/{row['filename']}" if row["filename"] else ""
