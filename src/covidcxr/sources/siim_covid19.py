"""siim-covid19: the SIIM-FISABIO-RSNA COVID-19 Detection Challenge (Kaggle 2021), radiographs of several hospitals.

Layout of the competition: ``train/<study>/<series>/<image>.dcm``; of the widely used resized copies:
``train/<image>.jpg`` (or ``.png``), some with a ``meta.csv`` (image_id, dim0, dim1: rows and columns of the originals).
Both have ``train_study_level.csv`` (four appearance columns, ids that end in ``_study``) and ``train_image_level.csv``
(ids that end in ``_image``, boxes, the study). The test images have no published labels.

Labels are the **radiographic appearance** (RSNA consensus: typical, indeterminate, atypical, negative for pneumonia),
not the result of a test: all patients come from COVID-19 cohorts, so a negative image is no proof of health and an
atypical one no proof of another disease.

Boxes around opacities are in pixels of the originals; `covidcxr.sources.siim_boxes` places them.

Patients are unknown. Images of one study share a ``study_id``, which keeps them together; about 200 pairs of studies
are near-duplicates of one another, which only a search for duplicates finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from covidcxr.core.csv_tables import Table
from covidcxr.core.errors import SourceError
from covidcxr.core.labels import ATYPICAL, INDETERMINATE, NEGATIVE, TYPICAL
from covidcxr.core.types import Exclusion, Record
from covidcxr.core.values import join_notes
from covidcxr.sources import SOURCES
from covidcxr.sources.folder import ImageFolder
from covidcxr.sources.plan import FetchPlan, KaggleFiles
from covidcxr.sources.siim_boxes import Boxes, table_of_sizes
from covidcxr.sources.source import Match, Source, SourceInfo, SourceListing, folder_version, listing, match_rows
from covidcxr.sources.tables import read_table

_STUDIES, _IMAGES, _TRAIN = "train_study_level.csv", "train_image_level.csv", "train"
_APPEARANCES = (TYPICAL, INDETERMINATE, ATYPICAL, NEGATIVE)
_RELEASE = "the SIIM-FISABIO-RSNA COVID-19 Detection challenge (Kaggle 2021)"
_ADULTS = "18-120 years"  # the cohorts are of adults (P. Lakhani et al. 2023)


@SOURCES.register("siim-covid19")
class SiimCovid19(Source):
    """Reader of the SIIM-FISABIO-RSNA COVID-19 Detection Challenge."""

    info = SourceInfo(
        name="siim-covid19",
        title="SIIM-FISABIO-RSNA COVID-19 Detection Challenge",
        folders=("siim-covid19-detection", "siim-covid19", "siim-covid19-resized-to-256px-jpg"),
        layout=f"{_STUDIES} and {_IMAGES} beside {_TRAIN}/<study>/<series>/<image>.dcm or {_TRAIN}/<image>.jpg",
        licence="the rules of the challenge: non-commercial research, no redistribution",
        citation=(
            "P. Lakhani et al. The 2021 SIIM-FISABIO-RSNA Machine Learning COVID-19 Challenge: Annotation and Standard "
            "Exam Classification of COVID-19 Chest Radiographs. Journal of Digital Imaging 36, 2023."
        ),
        homepage="https://www.kaggle.com/c/siim-covid19-detection",
    )
    plan = FetchPlan(
        version="Kaggle competition siim-covid19-detection",
        kaggle=KaggleFiles(handle="siim-covid19-detection", competition=True, keep=(_TRAIN, _STUDIES, _IMAGES)),
        note="128 GB of DICOM files; accept the rules of the competition on Kaggle first",
    )

    def has_layout(self, folder: Path) -> bool:
        """Return whether ``folder`` has both tables and the training images."""
        return (folder / _STUDIES).is_file() and (folder / _IMAGES).is_file() and (folder / _TRAIN).is_dir()

    def read(self, folder: Path) -> SourceListing:
        """Return every record and problem; of DICOM files the headers are read."""
        self.check_layout(folder)
        studies = _Studies(read_table(folder / _STUDIES, required=("id", *_APPEARANCES), release=_RELEASE))
        table = read_table(folder / _IMAGES, required=("id", "boxes", "StudyInstanceUID"), release=_RELEASE)
        files = ImageFolder(folder, (_TRAIN,))
        by_image, again = _by_image(folder, files)
        matches, problems = match_rows(self, table, files, lambda row: _claim(row, by_image))
        problems = [self._named(problem, again, by_image) for problem in problems]
        boxes = Boxes(table_of_sizes(folder))
        records = [self._record(match, studies, boxes) for match in matches]
        return listing(
            self,
            records,
            problems,
            version=folder_version(folder, table.path),
            num_rows=len(table.rows),
            files=files,
            notes=(*studies.notes(), *boxes.notes()),
        )

    def _named(self, problem: Exclusion, again: Mapping[str, str], by_image: Mapping[str, str]) -> Exclusion:
        """Return the problem, but for a further file of an image, which is no file without a row."""
        image = again.get(problem.path)
        if image is None or problem.rule != "no-metadata":
            return problem
        return self.problem("same-image", f"{image}#{problem.path}", problem.path, f"{image} is also {by_image[image]}")

    def _record(self, match: Match, studies: _Studies, boxes: Boxes) -> Record:
        from covidcxr.imaging.dicom.facts import DicomFacts, facts_and_fault

        name, image = self.info.name, _bare_id(match.row["id"])
        named = {_bare_id(row["StudyInstanceUID"]) for row in (match.row, *match.also)}
        study = named.pop() if len(named) == 1 else None
        label, finding, doubt = studies.label(study) if study else (None, "", "rows name different studies for it")
        facts, fault = facts_and_fault(match.path) if match.path.suffix.casefold() == ".dcm" else (DicomFacts(), "")
        return Record(
            record_id=f"{name}:{image}",
            source=name,
            path=match.path,
            study_id=f"{name}:{study}" if study else None,
            view=facts.view,
            view_verbatim=facts.view_verbatim,
            modality=facts.modality or "UNKNOWN",
            finding=finding,
            label=label,
            sex=facts.sex,
            sex_verbatim=facts.sex_verbatim,
            age_years=facts.age_years,
            age_verbatim=facts.age_verbatim or _ADULTS,
            licence=self.info.licence,
            url=self.info.homepage,
            notes=join_notes("patient not stated", doubt, fault),
            boxes=boxes.of(image, match.row["boxes"], facts),
        )


class _Studies:
    """Appearance by study, and what was wrong with the table."""

    def __init__(self, table: Table) -> None:
        self._name = table.path.name
        self._rows: dict[str, set[tuple[str, ...]]] = {}
        for row in table.rows:
            marked = tuple(name for name in _APPEARANCES if row[name] in {"1", "1.0"})
            self._rows.setdefault(_bare_id(row["id"]), set()).add(marked)
        self._asked: set[str] = set()

    def label(self, study: str) -> tuple[str | None, str, str]:
        """Return label, verbatim finding and doubt; the label is None unless exactly one appearance is marked."""
        self._asked.add(study)
        marked = self._rows.get(study)
        if marked is None:
            return None, "", f"study {study} is not in {self._name}"
        if len(marked) > 1:
            return None, "", f"study {study} has rows that disagree in {self._name}"
        (names,) = marked
        if len(names) != 1:
            return None, "|".join(names), f"study {study} has {len(names)} appearances in {self._name}, expected one"
        return names[0], names[0], ""

    def notes(self) -> tuple[str, ...]:
        """Return a sentence on studies without an image, which is no fault of a subset."""
        missing = len(self._rows.keys() - self._asked)
        return (f"{missing:,} of {len(self._rows):,} studies of {self._name} have no image here",) if missing else ()


def _bare_id(text: str) -> str:
    return text.removesuffix("_image").removesuffix("_study")


def _by_image(folder: Path, files: ImageFolder) -> tuple[dict[str, str], dict[str, str]]:
    """Return image id to file, and each further file of an id to the id.

    Raises:
        SourceError: If the folder mixes the two layouts: which of two files is meant would be a guess.
    """
    depths: dict[bool, str] = {}
    by_image: dict[str, str] = {}
    again: dict[str, str] = {}
    for name in files.names:
        parts = PurePosixPath(name).parts
        depths.setdefault(len(parts) > 2, name)
        image = PurePosixPath(name).stem
        if by_image.setdefault(image, name) != name:
            again[name] = image
    if len(depths) == 2:
        raise SourceError(
            f"{folder}: holds both layouts, {depths[False]} of the resized copies and {depths[True]} of the "
            f"competition; keep one of them in {_TRAIN}/"
        )
    return by_image, again


def _claim(row: dict[str, str], by_image: Mapping[str, str]) -> str:
    image = _bare_id(row["id"])
    return by_image.get(image, f"{_TRAIN}/{image}" if image else "")
