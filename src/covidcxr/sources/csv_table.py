"""csv: your own images, described by one CSV table of paths and labels.

Layout: one ``.csv`` file in the folder, with a column ``path`` (relative to the folder; also ``filename``, ``file`` or
``image``) and a column ``label`` (also ``class`` or ``finding``). Read too where present: ``patient_id``, ``study_id``,
``split``, ``view``, ``modality``, ``sex``, ``age``, ``day_offset``, ``licence`` (or ``license``), ``url``, ``notes``.
A word in ``split`` that means neither train, val nor test is noted and counts as blank.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from covidcxr.core.class_names import ClassNames
from covidcxr.core.csv_tables import Table, fold_column
from covidcxr.core.errors import SourceError
from covidcxr.core.folder_names import find_split
from covidcxr.core.labels import LABELS
from covidcxr.core.types import Record
from covidcxr.core.values import join_notes, read_age, read_modality, read_number, read_patient, read_sex, read_view
from covidcxr.sources import SOURCES
from covidcxr.sources.folder import ImageFolder
from covidcxr.sources.source import (
    Match,
    Source,
    SourceInfo,
    SourceListing,
    agreed_label,
    folder_version,
    listing,
    match_rows,
    read_label,
    taken_notes,
)
from covidcxr.sources.tables import read_table

_PATHS = ("path", "filename", "file", "image")
_LABELS = ("label", "class", "finding")
_RELEASE = "a CSV table with a column path (or filename, file, image) and a column label (or class, finding)"


@SOURCES.register("csv")
class CsvTable(Source):
    """Reader of a CSV table of paths and labels."""

    info = SourceInfo(
        name="csv",
        title="A CSV table of paths and labels",
        folders=("csv",),
        layout="one .csv file with the columns path and label, and the images it names",
        licence="whatever its owner states; column licence, row by row",
        citation="none: name the images' own origin",
        homepage="docs/adding-a-source.md",
    )
    fetch_hint = "put your own table and images into csv/"

    def has_layout(self, folder: Path) -> bool:
        """Return whether ``folder`` holds exactly one CSV file."""
        return folder.is_dir() and len(_tables(folder)) == 1

    def read(self, folder: Path) -> SourceListing:
        """Return every record and problem."""
        self.check_layout(folder)
        table = read_table(_tables(folder)[0], required=(), release=_RELEASE)
        path_column, label_column = table.find(*_PATHS), table.find(*_LABELS)
        if path_column is None or label_column is None:
            raise SourceError(f"{table.path}: found the columns {table.found()}; expected {_RELEASE}")
        files = ImageFolder(folder, only_images=True)
        files.refused.pop(table.path.name, None)  # the table itself
        matches, problems = match_rows(self, table, files, lambda row: row[path_column])
        names = ClassNames(LABELS)
        records = [self._record(match, label_column, names, table.path.name) for match in matches]
        version = folder_version(folder, table.path)
        notes = (*_unknown_splits(table), *taken_notes(names))
        rows = len(table.rows)
        return listing(self, records, problems, version=version, num_rows=rows, files=files, notes=notes)

    def _record(self, match: Match, label_column: str, names: ClassNames, table: str) -> Record:
        name = self.info.name
        row = {fold_column(column): cell for column, cell in match.row.items()}
        label, doubt = agreed_label(match, lambda other: read_label(names, other[label_column], where=table))
        patient, study = read_patient(row.get("patient_id", "")), row.get("study_id", "")
        return Record(
            record_id=f"{name}:{match.key}",
            source=name,
            path=match.path,
            patient_id=f"{name}:{patient}" if patient else None,
            study_id=f"{name}:{study}" if study else None,
            view=read_view(row.get("view", "")),
            view_verbatim=row.get("view", ""),
            modality=read_modality(row.get("modality", "")),
            finding=match.row[label_column],
            label=label,
            split=find_split(row.get("split", "")),
            sex=read_sex(row.get("sex", "")),
            sex_verbatim=row.get("sex", ""),
            age_years=read_age(row.get("age", row.get("age_years", ""))),
            age_verbatim=row.get("age", row.get("age_years", "")),
            day_offset=read_number(row.get("day_offset", "")),
            offset_verbatim=row.get("day_offset", ""),
            licence=row.get("licence", row.get("license", "")),
            url=row.get("url", ""),
            notes=join_notes(doubt, row.get("notes", "")),
        )


def _unknown_splits(table: Table) -> tuple[str, ...]:
    column = table.find("split") or "split"
    words = Counter(row.get(column, "") for row in table.rows)
    unknown = {word: number for word, number in words.items() if word and find_split(word) is None}
    if not unknown:
        return ()
    found = ", ".join(f"{word!r} ({number})" for word, number in sorted(unknown.items())[:5])
    return (
        f"{sum(unknown.values())} rows of {table.path.name} name a split that is none of train, val and test, and "
        f"count as having none: {found}.",
    )


def _tables(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.casefold() == ".csv" and path.is_file())
