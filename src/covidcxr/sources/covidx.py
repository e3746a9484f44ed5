"""covidx: the lists that COVID-Net published (Wang, Lin, Wong 2020), with the images they name.

Layout: ``train_COVIDx*.txt`` and ``test_COVIDx*.txt`` (or ``train.txt``, ``test.txt``, ``val.txt``; in the folder or in
``labels/``), one line an image: ``patientid filename class source``, the last missing in old lists; images in
``train/``, ``test/`` (and ``val/``), in the folder or in ``data/``.

COVIDx is put together from other sources. The patient of a line is given the id that the source itself has here, so
that one person stays in one split when COVIDx is compiled beside covid-chestxray-dataset, Figure1 or Actualmed.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from covidcxr.core.errors import SourceError
from covidcxr.core.labels import COVID19, NORMAL, NOT_COVID19, PNEUMONIA
from covidcxr.core.types import Record, Split
from covidcxr.core.values import join_notes
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
)
from covidcxr.sources.tables import Rows, read_text

_RELEASE = "COVIDx (lines: patientid filename class source)"
_SPLITS: dict[str, Split] = {"train": "train", "test": "test", "val": "val"}
_CLASSES = {
    "covid-19": COVID19,
    "positive": COVID19,
    "negative": NOT_COVID19,
    "normal": NORMAL,
    "pneumonia": PNEUMONIA,
}
_PLACES = ("", "data/")
_OUR_NAMES = {"cohen": "covid-chestxray-dataset", "fig1": "figure1", "actmed": "actualmed"}
_FILMS_NOT_PATIENTS = {"rsna", "sirm"}  # their "patientid" is the stem of the file


@SOURCES.register("covidx")
class Covidx(Source):
    """Reader of COVIDx."""

    info = SourceInfo(
        name="covidx",
        title="COVIDx CXR (COVID-Net)",
        folders=("covidx", "COVIDx", "covidx-cxr2", "covidx-cxr-2", "COVIDx-CXR", "COVID-Net"),
        layout="train_COVIDx*.txt and test_COVIDx*.txt (or train.txt, test.txt) beside train/ and test/ (or data/...)",
        licence="each image the terms of the source it comes from; the lists AGPL-3.0 as COVID-Net",
        citation=(
            "L. Wang, Z. Q. Lin, A. Wong. COVID-Net: a tailored deep convolutional neural network design for detection "
            "of COVID-19 cases from chest X-ray images. Scientific Reports 10, 19549, 2020."
        ),
        homepage="https://github.com/lindawangg/COVID-Net",
    )
    fetch_hint = "download it from Kaggle (andyczhao/covidx-cxr2) or build it with COVID-Net's scripts, into covidx/"

    def has_layout(self, folder: Path) -> bool:
        """Return whether ``folder`` has at least one list and one image folder."""
        return bool(_lists(folder)) and bool(_image_folders(folder))

    def read(self, folder: Path) -> SourceListing:
        """Return every record and problem.

        Raises:
            SourceError: Also if there are several lists for one split, or a line is not as documented.
        """
        self.check_layout(folder)
        files = ImageFolder(folder, _image_folders(folder))
        table = _read_lists(folder, files)

        def claim(row: dict[str, str]) -> str:
            paths = [f"{place}{row['split']}/{row['filename']}" for place in _PLACES]
            return next((path for path in paths if files.find(path)), paths[0])

        matches, problems = match_rows(self, table, files, claim)
        records = [self._record(match) for match in matches]
        version = folder_version(folder, table.path)
        return listing(self, records, problems, version=version, num_rows=len(table.rows), files=files)

    def _record(self, match: Match) -> Record:
        row, name = match.row, self.info.name
        label, doubt = agreed_label(match, lambda other: _CLASSES[other["class"].casefold()])
        return Record(
            record_id=f"{name}:{match.key}",
            source=name,
            path=match.path,
            patient_id=_patient(row),
            modality="DX",
            finding=row["class"],
            label=label,
            split=_SPLITS[row["split"]],
            url=self.info.homepage,
            notes=join_notes(doubt, f"COVIDx took it from {row['source']}" if row["source"] else ""),
        )


def read_line(line: str, known_files: set[str]) -> dict[str, str] | None:
    """Return patientid, filename, class and source of one line, or None if it is not as documented.

    File names of some editions hold spaces; then the split that names a file of ``known_files`` is taken.
    """
    words = line.split()
    for place in (-2, -1):
        if len(words) >= 2 - place - (place == -1) and words[place].casefold() in _CLASSES:
            head, kind, source = words[:place], words[place], words[-1] if place == -2 else ""
            if len(head) < 2:
                return None
            cuts = range(1, len(head))
            cut = next((cut for cut in cuts if " ".join(head[cut:]) in known_files), 1)
            return {
                "patientid": " ".join(head[:cut]),
                "filename": " ".join(head[cut:]),
                "class": kind,
                "source": source,
            }
    return None


def _patient(row: dict[str, str]) -> str | None:
    source, patient = row["source"].casefold(), row["patientid"]
    if source in _FILMS_NOT_PATIENTS or (source not in _OUR_NAMES and patient == _stem(row)):
        return None
    if source == "fig1":
        patient = re.sub(r"(?<=[0-9])[a-z]$", "", patient)
    ours = _OUR_NAMES.get(source)
    return f"{ours}:{patient}" if ours else f"covidx:{source or 'unknown'}:{patient}"


def _stem(row: dict[str, str]) -> str:
    return PurePosixPath(row["filename"]).stem


def _lists(folder: Path) -> dict[Split, list[Path]]:
    found: dict[Split, list[Path]] = {}
    for name, split in _SPLITS.items():
        pattern = re.compile(rf"{name}(_COVIDx.*|_split.*)?\.txt", re.IGNORECASE)
        places = [place for place in (folder, folder / "labels") if place.is_dir()]
        paths = [path for place in places for path in sorted(place.iterdir()) if pattern.fullmatch(path.name)]
        if paths:
            found[split] = paths
    return found


def _image_folders(folder: Path) -> list[str]:
    return [f"{place}{name}" for place in _PLACES for name in _SPLITS if (folder / place / name).is_dir()]


def _read_lists(folder: Path, files: ImageFolder) -> Rows:
    known = {PurePosixPath(name).name for name in files.names}
    rows = []
    lists = _lists(folder)
    for split, paths in lists.items():
        if len(paths) > 1:
            names = ", ".join(path.name for path in paths)
            raise SourceError(
                f"{folder}: {len(paths)} lists for {split} ({names}); expected one edition; move the others away"
            )
        for number, line in enumerate(read_text(paths[0], _RELEASE).splitlines(), start=1):
            if not line.strip():
                continue
            row = read_line(line, known)
            if row is None:
                raise SourceError(
                    f"{paths[0]} line {number}: found {line[:120]!r}; expected patientid filename class source, with a "
                    f"class of {', '.join(_CLASSES)}"
                )
            rows.append({**row, "split": split, "": ""})
    first = next(iter(lists.values()))[0]
    return Rows(path=first, rows=tuple(rows), first_line=1)
