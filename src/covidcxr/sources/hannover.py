"""covid-19-image-repository (Hannover Medical School 2020-2021): follow-ups of COVID-19 patients.

Layout: ``png/<image_id>.png`` and ``data.csv``. There is no finding column: the repository holds only COVID-19 cases,
so every image is labelled so, although some were taken weeks after admission. The offsets count from the image to the
event (an ``admission_offset`` of -16 is an image of day 16, as covid-chestxray-dataset counts the same image), so their
sign is turned here. covid-chestxray-dataset holds many of these images under the same stems; the duplicate search joins
them.
"""

from __future__ import annotations

from pathlib import Path

from covidcxr.core.labels import COVID19
from covidcxr.core.types import Record
from covidcxr.core.values import read_age, read_number, read_sex, read_view
from covidcxr.sources import SOURCES
from covidcxr.sources.folder import ImageFolder
from covidcxr.sources.plan import FetchPlan, github_archive
from covidcxr.sources.source import Match, Source, SourceInfo, SourceListing, folder_version, listing, match_rows
from covidcxr.sources.tables import read_table

_COMMIT = "4025ea15f2987f03cf368a893f37121b7a43bd87"
_COLUMNS = ("patient_id", "image_id", "sex", "age", "admission_offset", "modality", "projection")
_RELEASE = "covid-19-image-repository (ml-workgroup, 2.0; columns: " + ", ".join(_COLUMNS) + ")"


@SOURCES.register("covid-19-image-repository")
class Hannover(Source):
    """Reader of covid-19-image-repository."""

    info = SourceInfo(
        name="covid-19-image-repository",
        title="COVID-19 Image Repository (Hannover Medical School)",
        folders=("covid-19-image-repository", "hannover"),
        layout="data.csv beside png/",
        licence="CC BY 3.0",
        citation="H. B. Winther et al. COVID-19 Image Repository. 2020. doi:10.6084/m9.figshare.12275009.",
        homepage="https://github.com/ml-workgroup/covid-19-image-repository",
    )
    plan = FetchPlan(
        version=f"commit {_COMMIT}",
        archives=(github_archive("ml-workgroup/covid-19-image-repository", _COMMIT, ("data.csv", "png")),),
        note="from GitHub, which cannot resume an archive",
    )

    def has_layout(self, folder: Path) -> bool:
        """Return whether ``folder`` has the table and the images."""
        return (folder / "data.csv").is_file() and (folder / "png").is_dir()

    def read(self, folder: Path) -> SourceListing:
        """Return every record and problem."""
        self.check_layout(folder)
        table = read_table(folder / "data.csv", required=_COLUMNS, release=_RELEASE)
        files = ImageFolder(folder, ("png",))
        matches, problems = match_rows(self, table, files, _claim)
        records = [self._record(match) for match in matches]
        version = folder_version(folder, table.path)
        return listing(self, records, problems, version=version, num_rows=len(table.rows), files=files)

    def _record(self, match: Match) -> Record:
        row, name = match.row, self.info.name
        admission = read_number(row["admission_offset"])
        return Record(
            record_id=f"{name}:{match.key}",
            source=name,
            path=match.path,
            patient_id=f"{name}:{row['patient_id']}" if row["patient_id"] else None,
            view=read_view(row["projection"]),
            view_verbatim=row["projection"],
            modality=row["modality"].upper() or "UNKNOWN",
            finding="COVID-19 case (the whole repository)",
            label=COVID19,
            sex=read_sex(row["sex"]),
            sex_verbatim=row["sex"],
            age_years=read_age(row["age"]),
            age_verbatim=row["age"],
            day_offset=None if admission is None else 0.0 - admission,
            offset_verbatim=row["admission_offset"],
            licence=self.info.licence,
            url=self.info.homepage,
            notes="taken in intensive care" if _in_intensive_care(row) else "",
        )


def _in_intensive_care(row: dict[str, str]) -> bool:
    begin, end = (read_number(row.get(f"icu_{event}_offset", "")) for event in ("admission", "release"))
    return begin is not None and begin <= 0.0 and (end is None or end >= 0.0)


def _claim(row: dict[str, str]) -> str:
    return f"png/{row['image_id']}.png" if row["image_id"] else ""
