"""Actualmed-COVID-chestxray-dataset (Chung 2020): images of one Spanish provider, all of spring 2020.

Layout: ``images/`` and ``metadata.csv``; ``imagename`` is the file. A blank ``finding`` means inconclusive. Sex, age
and offset are columns that nobody filled. One person (``patientid``) may have several images and, over time, more than
one finding.
"""

from __future__ import annotations

from pathlib import Path

from covidcxr.core.labels import find_label
from covidcxr.core.types import Record
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

_COMMIT = "2635e4b05d2b59628edb10a6e16a506951c84c59"
_COLUMNS = ("patientid", "finding", "view", "modality", "imagename")
_RELEASE = "Actualmed-COVID-chestxray-dataset (agchung, 2020; columns: " + ", ".join(_COLUMNS) + ")"


@SOURCES.register("actualmed")
class Actualmed(Source):
    """Reader of Actualmed-COVID-chestxray-dataset."""

    info = SourceInfo(
        name="actualmed",
        title="Actualmed COVID-19 Chest X-ray Dataset Initiative (Chung)",
        folders=("Actualmed-COVID-chestxray-dataset", "actualmed"),
        layout="metadata.csv beside images/",
        licence="none stated; the README says: intended to be used for research purposes only",
        citation="A. Chung. Actualmed COVID-19 chest X-ray data initiative. 2020.",
        homepage="https://github.com/agchung/Actualmed-COVID-chestxray-dataset",
    )
    plan = FetchPlan(
        version=f"commit {_COMMIT}",
        archives=(github_archive("agchung/Actualmed-COVID-chestxray-dataset", _COMMIT, ("metadata.csv", "images")),),
        sha256={"metadata.csv": "df7d0b406282d9b8e7163316c9028410f50502ea55159863d798bc6e0c35e10e"},
        note="from GitHub, which cannot resume an archive",
    )

    def has_layout(self, folder: Path) -> bool:
        """Return whether ``folder`` has the metadata and the images."""
        return (folder / "metadata.csv").is_file() and (folder / "images").is_dir()

    def read(self, folder: Path) -> SourceListing:
        """Return every record and problem."""
        self.check_layout(folder)
        table = read_table(folder / "metadata.csv", required=_COLUMNS, release=_RELEASE)
        files = ImageFolder(folder, ("images",))
        matches, problems = match_rows(self, table, files, _claim)
        records = [self._record(match) for match in matches]
        version = folder_version(folder, table.path)
        return listing(self, records, problems, version=version, num_rows=len(table.rows), files=files)

    def _record(self, match: Match) -> Record:
        row, name = match.row, self.info.name
        label, doubt = agreed_label(match, lambda other: find_label(other["finding"]))
        return Record(
            record_id=f"{name}:{match.key}",
            source=name,
            path=match.path,
            patient_id=f"{name}:{row['patientid']}" if row["patientid"] else None,
            view=read_view(row["view"]),
            view_verbatim=row["view"],
            modality="DX" if row["modality"].casefold() == "x-ray" else "UNKNOWN",
            finding=row["finding"],
            label=label,
            sex=read_sex(row.get("sex", "")),
            sex_verbatim=row.get("sex", ""),
            age_years=read_age(row.get("age", "")),
            age_verbatim=row.get("age", ""),
            day_offset=read_number(row.get("offset", "")),
            offset_verbatim=row.get("offset", ""),
            url=self.info.homepage,
            notes=join_notes(doubt, row.get("artifacts/distortion", ""), row.get("notes", "")),
        )


def _claim(row: dict[str, str]) -> str:
    return f"images/{row['imagename']}" if row["imagename"] else ""
