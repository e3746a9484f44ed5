"""covidgr: COVIDGR 1.0 (Tabik et al. 2020), PA radiographs of one hospital in Granada, half of them PCR positive.

Layout: ``P/`` (426 positive) and ``N/`` (426 negative) and, beside them, a table of severity (``severity.csv``, or the
only CSV file there) with a column of file names and one of levels: Normal-PCR+, Mild, Moderate, Severe.

The labels are PCR results, so a positive image may show nothing (Normal-PCR+): the field's most honest test, because
hospital and scanner cannot tell the classes apart. Negatives are called Normal by the authors. Patients are unknown.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from covidcxr.core.csv_tables import Table
from covidcxr.core.errors import SourceError
from covidcxr.core.labels import COVID19, NORMAL
from covidcxr.core.types import Record, View
from covidcxr.core.values import join_notes
from covidcxr.sources import SOURCES
from covidcxr.sources.folder import ImageFolder
from covidcxr.sources.source import Source, SourceInfo, SourceListing, folder_version, listing, refused_problems
from covidcxr.sources.tables import read_table

_CLASSES = {"P": COVID19, "N": NORMAL}
_FINDINGS = {"P": "PCR positive", "N": "PCR negative"}
_NAME_COLUMNS = ("name", "image", "filename", "file", "id")
_LEVEL_COLUMNS = ("severity", "level", "class", "label")
_RELEASE = "COVIDGR 1.0 (P/, N/ and a table of severity)"


@SOURCES.register("covidgr")
class Covidgr(Source):
    """Reader of COVIDGR 1.0."""

    info = SourceInfo(
        name="covidgr",
        title="COVIDGR 1.0 (Hospital Universitario San Cecilio, Granada)",
        folders=("covidgr", "COVIDGR", "COVIDGR_1.0", "COVIDGR-1.0", "OD-covidgr"),
        layout="P/ and N/, beside a table of severity (severity.csv)",
        licence="research use, as its authors state; ask them for anything else",
        citation=(
            "S. Tabik et al. COVIDGR Dataset and COVID-SDNet Methodology for Predicting COVID-19 Based on Chest X-Ray "
            "Images. IEEE Journal of Biomedical and Health Informatics 24(12), 2020."
        ),
        homepage="https://dasci.es/transferencia/open-data/covidgr/",
    )
    fetch_hint = "download it from https://dasci.es/transferencia/open-data/covidgr/ and unpack it into covidgr/"

    def has_layout(self, folder: Path) -> bool:
        """Return whether ``folder`` has the folders of positive and negative images."""
        return all((folder / name).is_dir() for name in _CLASSES)

    def read(self, folder: Path) -> SourceListing:
        """Return every record and problem."""
        self.check_layout(folder)
        files = ImageFolder(folder, tuple(_CLASSES))
        table = _severity_table(folder)
        levels, doubts = _levels(table)
        records = [self._record(files, name, levels, doubts) for name in files.names]
        stems = {PurePosixPath(name).stem.casefold() for name in files.names}
        problems = refused_problems(self, files)
        problems += [
            self.problem("no-file", f"{stem}#row", stem, f"{table.path.name}: no such file")
            for stem in sorted(levels.keys() - stems)
            if table is not None
        ]
        return listing(
            self,
            records,
            problems,
            version=folder_version(folder, table.path if table else None),
            num_rows=len(table.rows) if table else 0,
            files=files,
            notes=() if table else ("no table of severity: the levels of the positive images are unknown",),
        )

    def _record(self, files: ImageFolder, name: str, levels: dict[str, str], doubts: dict[str, str]) -> Record:
        part, stem = PurePosixPath(name).parts[0], PurePosixPath(name).stem.casefold()
        level = levels.get(stem, "") if part == "P" else ""
        return Record(
            record_id=f"{self.info.name}:{part}/{files.key(name)}",
            source=self.info.name,
            path=files.path(name),
            view=View.PA,
            view_verbatim="PA",
            modality="DX",
            finding=f"{_FINDINGS[part]}, {level}" if level else _FINDINGS[part],
            label=_CLASSES[part],
            licence=self.info.licence,
            url=self.info.homepage,
            notes=join_notes("patient not stated", doubts.get(stem, "")),
        )


def _severity_table(folder: Path) -> Table | None:
    """Return the table of severity; None if there is no CSV file.

    Raises:
        SourceError: If several CSV files could be it, or its columns are others.
    """
    tables = sorted(path for path in folder.iterdir() if path.suffix.casefold() == ".csv" and path.is_file())
    named = [path for path in tables if "sever" in path.stem.casefold()] or tables
    if len(named) > 1:
        raise SourceError(
            f"{folder}: {', '.join(path.name for path in named)} could all be the table of severity; keep one"
        )
    return read_table(named[0], required=(), release=_RELEASE) if named else None


def _levels(table: Table | None) -> tuple[dict[str, str], dict[str, str]]:
    """Return file stem in lower case to level, and to what is doubtful about it."""
    if table is None:
        return {}, {}
    name_column = _column(table, _NAME_COLUMNS, "file names")
    level_column = _column(table, _LEVEL_COLUMNS, "levels")
    levels: dict[str, str] = {}
    doubts: dict[str, str] = {}
    for row in table.rows:
        stem = PurePosixPath(row[name_column].replace("\\", "/")).stem.casefold()
        if levels.setdefault(stem, row[level_column]) != row[level_column]:
            doubts[stem] = f"rows of {table.path.name} disagree on its severity"
    return {stem: "" if stem in doubts else level for stem, level in levels.items()}, doubts


def _column(table: Table, names: tuple[str, ...], what: str) -> str:
    by_lower = {column.casefold(): column for column in table.columns}
    column = next((by_lower[name] for name in names if name in by_lower), None)
    if column is None:
        raise SourceError(
            f"{table.path}: no column of {what} (found: {', '.join(table.columns)}); expected one of "
            f"{', '.join(names)}; expected the layout of {_RELEASE}"
        )
    return column
