"""radiography-database: the COVID-19 Radiography Database (Chowdhury, Rahman et al., Kaggle), the most used such set.

Layout of the present edition: ``COVID/``, ``Normal/``, ``Viral Pneumonia/`` and ``Lung_Opacity/``, each with
``images/`` and ``masks/`` (lung outlines, reported and left out), beside ``<class>.metadata.xlsx`` (columns FILE NAME,
FORMAT, SIZE, URL).
Earlier editions and redistributed copies have ``<class>/<image>.png`` and no sheets.

The database is put together from others. The URL column of a sheet tells where an image comes from, and so who it
shows: normals of the RSNA challenge are adults of NIH, normals of chest-xray-pneumonia children of one hospital.
Without the sheets the origin is unknown, and only a search for duplicates tells them apart.

``Lung_Opacity`` are images of the RSNA challenge that radiologists marked as opacities suspicious of pneumonia;
`covidcxr.sources.rsna_pneumonia` reads the same finding as Pneumonia, and so does this reader. Patients are unknown.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from covidcxr.core.errors import SourceError
from covidcxr.core.folder_names import is_mask_folder
from covidcxr.core.labels import COVID19, NORMAL, PNEUMONIA
from covidcxr.core.types import Exclusion, Record
from covidcxr.core.values import join_notes
from covidcxr.sources import SOURCES
from covidcxr.sources.folder import ImageFolder
from covidcxr.sources.plan import FetchPlan, KaggleFiles
from covidcxr.sources.source import Source, SourceInfo, SourceListing, folder_version, listing, refused_problems

_CLASSES = {"COVID": COVID19, "Normal": NORMAL, "Viral Pneumonia": PNEUMONIA, "Lung_Opacity": PNEUMONIA}
_FOLDERS = tuple(_CLASSES)
_COLUMNS = ("FILE NAME", "URL")
_MAX_ROWS = 100_000
_ORIGINS = (  # part of the URL, what it is, the ages that this origin states of all its patients
    ("rsna-pneumonia-detection-challenge", "RSNA Pneumonia Detection Challenge", ""),
    ("chest-xray-pneumonia", "chest-xray-pneumonia", "1-5 years"),
    ("bimcv", "BIMCV-COVID19", ""),
    ("covid-19-image-repository", "Hannover COVID-19 Image Repository", ""),
    ("covid-cxnet", "COVID-CXNet", ""),
    ("ieee8023", "covid-chestxray-dataset", ""),
    ("sirm.org", "SIRM", ""),
    ("eurorad", "Eurorad", ""),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sheets:
    """URL by class folder and file stem in lower case, and what was wrong with the sheets."""

    urls: Mapping[tuple[str, str], str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@SOURCES.register("radiography-database")
class RadiographyDatabase(Source):
    """Reader of the COVID-19 Radiography Database."""

    info = SourceInfo(
        name="radiography-database",
        title="COVID-19 Radiography Database (Chowdhury, Rahman et al.)",
        folders=(
            "COVID-19_Radiography_Dataset",
            "radiography-database",
            "covid19-radiography-database",
            "COVID-19 Radiography Database",
            "COVID-19_Radiography_Database",
        ),
        layout="COVID/ and Normal/ (with images/ and masks/ inside or without), beside <class>.metadata.xlsx if there",
        licence="academic and non-commercial use; rights with the authors of the original images",
        citation=(
            "M. E. H. Chowdhury et al. Can AI Help in Screening Viral and COVID-19 Pneumonia? IEEE Access 8, 2020; "
            "T. Rahman et al. Exploring the Effect of Image Enhancement Techniques on COVID-19 Detection using Chest "
            "X-ray Images. Computers in Biology and Medicine 132, 2021."
        ),
        homepage="https://www.kaggle.com/tawsifurrahman/covid19-radiography-database",
    )
    plan = FetchPlan(
        version="Kaggle version 5",
        kaggle=KaggleFiles(
            handle="tawsifurrahman/covid19-radiography-database/versions/5",
            keep=(*_FOLDERS, *(f"{name}.metadata.xlsx" for name in _FOLDERS)),
        ),
        note="about 800 MB",
    )

    def has_layout(self, folder: Path) -> bool:
        """Return whether ``folder`` has the folders of COVID-19 and normal images."""
        return all((folder / name).is_dir() for name in ("COVID", "Normal"))

    def read(self, folder: Path) -> SourceListing:
        """Return every record and problem."""
        self.check_layout(folder)
        files = ImageFolder(folder, _FOLDERS)
        sheets = _read_sheets(folder)
        records: list[Record] = []
        problems = refused_problems(self, files)
        taken: dict[str, str] = {}
        for name in files.names:
            outcome = self._record(files, name, sheets, taken)
            if isinstance(outcome, Record):
                records.append(outcome)
            else:
                problems.append(outcome)
        seen = {(record.finding, record.path.stem.casefold()) for record in records}
        problems += [
            self.problem("no-file", f"{part}/{stem}#sheet", f"{part}/{stem}", f"{part}.metadata.xlsx: no such file")
            for part, stem in sorted(sheets.urls.keys() - seen)
        ]
        return listing(
            self,
            records,
            problems,
            version=folder_version(folder),
            num_rows=len(sheets.urls),
            files=files,
            notes=sheets.notes,
        )

    def _record(self, files: ImageFolder, name: str, sheets: _Sheets, taken: dict[str, str]) -> Record | Exclusion:
        part, *inner = PurePosixPath(name).parts
        if any(is_mask_folder(folder) for folder in inner[:-1]):
            return self.problem("mask", name, name, "lies in a folder of masks; not a radiograph")
        stem = PurePosixPath(name).stem
        key = f"{part}/{stem}"
        first = taken.setdefault(key.casefold(), name)
        if first != name:
            return self.problem("same-image", name, name, f"both layouts hold this image; {first} is read")
        url = sheets.urls.get((part, stem.casefold()), "")
        origin, ages = _origin(url)
        return Record(
            record_id=f"{self.info.name}:{key}",
            source=self.info.name,
            path=files.path(name),
            finding=part,
            label=_CLASSES[part],
            age_verbatim=ages,
            licence=self.info.licence,
            url=url or self.info.homepage,
            notes=join_notes("patient not stated", f"from {origin}" if origin else "origin not stated"),
        )


def _origin(url: str) -> tuple[str, str]:
    """Return what ``url`` leads to and the ages stated there; a URL of elsewhere is returned as it is."""
    lower = url.casefold()
    return next(((name, ages) for part, name, ages in _ORIGINS if part in lower), (url, ""))


def _read_sheets(folder: Path) -> _Sheets:
    """Read the sheets that are there; a sheet that cannot be understood is a note, and its origins are unknown."""
    urls: dict[tuple[str, str], str] = {}
    notes = []
    missing = [part for part in _FOLDERS if (folder / part).is_dir() and _sheet(folder, part) is None]
    for part in _FOLDERS:
        path = _sheet(folder, part)
        if path is None:
            continue
        try:
            urls |= {(part, stem): url for stem, url in _read_sheet(path).items()}
        except SourceError as error:
            notes.append(f"{error}; the origins of {part} are unknown")
    if missing:
        notes.append(f"no metadata sheet of {', '.join(missing)}: the origin of these images is unknown")
    return _Sheets(urls=urls, notes=tuple(notes))


def _sheet(folder: Path, part: str) -> Path | None:
    wanted = {f"{part}.metadata.xlsx".casefold(), f"{part}.metadata.xls".casefold()}
    return next((path for path in sorted(folder.iterdir()) if path.name.casefold() in wanted), None)


def _read_sheet(path: Path) -> dict[str, str]:
    """Return file stem in lower case to URL.

    Raises:
        SourceError: If the file is not a workbook, or has no columns FILE NAME and URL.
    """
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, OSError, KeyError, ValueError, SyntaxError) as error:
        raise SourceError(
            f"{path.name}: not a readable .xlsx workbook ({type(error).__name__}); fetch the database again"
        ) from None
    try:
        rows = (
            ["" if cell is None else str(cell).strip() for cell in row]
            for row in book.worksheets[0].iter_rows(max_row=_MAX_ROWS, values_only=True)
        )
        header = [cell.upper() for cell in next(rows, [])]
        missing = [name for name in _COLUMNS if name not in header]
        if missing:
            raise SourceError(
                f"{path.name}: no column {', '.join(missing)} (found: {', '.join(filter(None, header)) or 'none'}); "
                f"expected {', '.join(_COLUMNS)}, as the edition of March 2021 has"
            )
        name_at, url_at = (header.index(name) for name in _COLUMNS)
        return {
            PurePosixPath(row[name_at]).stem.casefold() if "." in row[name_at] else row[name_at].casefold(): row[url_at]
            for row in rows
            if row[name_at]
        }
    finally:
        book.close()
