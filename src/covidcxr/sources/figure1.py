"""Figure1-COVID-chestxray-dataset (Chung 2020): images sent in by clinicians through Figure 1.

Layout: ``images/`` and ``metadata.csv`` in Windows-1252. There is no column with the file name: the file's stem is
the ``patientid``. A letter behind the number counts the images of one person (COVID-00039a, b and c are one patient).
Most views are blank; those images are frontal by eye, which is said in the notes while the view stays unknown.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from covidcxr.core.labels import find_label
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

_COMMIT = "95bb569e55f4110d3b734c0f355340e04e16989a"
_COLUMNS = ("patientid", "offset", "sex", "age", "finding", "view", "modality")
_RELEASE = "Figure1-COVID-chestxray-dataset (agchung, 2020; columns: " + ", ".join(_COLUMNS) + ")"


@SOURCES.register("figure1")
class Figure1(Source):
    """Reader of Figure1-COVID-chestxray-dataset."""

    info = SourceInfo(
        name="figure1",
        title="Figure 1 COVID-19 Chest X-ray Dataset Initiative (Chung)",
        folders=("Figure1-COVID-chestxray-dataset", "figure1"),
        layout="metadata.csv beside images/",
        licence="none stated; the README says: intended to be used for research purposes only",
        citation="A. Chung. Figure 1 COVID-19 chest X-ray data initiative. 2020.",
        homepage="https://github.com/agchung/Figure1-COVID-chestxray-dataset",
    )
    plan = FetchPlan(
        version=f"commit {_COMMIT}",
        archives=(github_archive("agchung/Figure1-COVID-chestxray-dataset", _COMMIT, ("metadata.csv", "images")),),
        sha256={"metadata.csv": "c4a6313343797ed8f052d2887e451013f93ecc8ebec4b05d0f1bb6d2eee42db7"},
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
        by_stem: dict[str, str] = {}
        for name in files.names:
            by_stem.setdefault(PurePosixPath(name).stem.casefold(), name)

        def claim(row: dict[str, str]) -> str:
            patient = row["patientid"]
            return by_stem.get(patient.casefold(), f"images/{patient}" if patient else "")

        matches, problems = match_rows(self, table, files, claim)
        records = [self._record(match) for match in matches]
        version = folder_version(folder, table.path)
        return listing(self, records, problems, version=version, num_rows=len(table.rows), files=files)

    def _record(self, match: Match) -> Record:
        row, name = match.row, self.info.name
        label, doubt = agreed_label(match, lambda other: find_label(other["finding"]))
        view = read_view(row["view"])
        blank = "blank view, frontal by eye" if view is View.UNKNOWN and not row["view"] else ""
        return Record(
            record_id=f"{name}:{match.key}",
            source=name,
            path=match.path,
            patient_id=f"{name}:{re.sub(r'(?<=[0-9])[a-z]$', '', row['patientid'])}",
            view=view,
            view_verbatim=row["view"],
            modality="DX" if row["modality"].casefold() == "x-ray" else "UNKNOWN",
            finding=row["finding"],
            label=label,
            sex=read_sex(row["sex"]),
            sex_verbatim=row["sex"],
            age_years=read_age(row["age"]),
            age_verbatim=row["age"],
            day_offset=read_number(row["offset"]),
            offset_verbatim=row["offset"],
            url=self.info.homepage,
            notes=join_notes(doubt, blank, row.get("artifacts/distortion", ""), row.get("notes", "")),
        )
