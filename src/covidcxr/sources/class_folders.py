"""class-folders: any tree of images in folders named after their class, with train, test and val folders or without.

``covid-19/a.png``, ``train/COVID19/a.png`` and ``Train/Viral Pneumonia/x/a.png`` are all read; a class is matched by
whole name without case or punctuation. A folder that no class is named after keeps its images, without a label. What
lies in a folder of masks (``COVID/masks/`` of the COVID-19 Radiography Database) is no radiograph, and is reported.
Patients are unknown, unless file names follow ``<patient>__<rest>``.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from covidcxr.core.class_names import ClassNames
from covidcxr.core.folder_names import find_split
from covidcxr.core.labels import LABELS, find_label
from covidcxr.core.left_out import LeftOut
from covidcxr.core.types import Exclusion, Record
from covidcxr.dataset.class_folders import find_place
from covidcxr.sources import SOURCES
from covidcxr.sources.folder import ImageFolder
from covidcxr.sources.source import (
    Source,
    SourceInfo,
    SourceListing,
    folder_version,
    listing,
    read_label,
    refused_problems,
    taken_notes,
)


@SOURCES.register("class-folders")
class ClassFolders(Source):
    """Reader of a plain tree of class folders."""

    info = SourceInfo(
        name="class-folders",
        title="A plain tree of class folders",
        folders=("class-folders",),
        layout="folders named after classes (covid-19/, normal/, pneumonia/), below train/ and test/ or without them",
        licence="whatever its owner states",
        citation="none: name the tree's own origin",
        homepage="docs/adding-a-source.md",
    )
    fetch_hint = "put your own tree into class-folders/"

    def has_layout(self, folder: Path) -> bool:
        """Return whether a folder, or one in a split folder, is named after a class."""
        if not folder.is_dir():
            return False
        top = [child for child in folder.iterdir() if child.is_dir()]
        inner = [grand for child in top if find_split(child.name) for grand in child.iterdir() if grand.is_dir()]
        return any(find_label(child.name) for child in [*top, *inner])

    def read(self, folder: Path) -> SourceListing:
        """Return every record and problem."""
        self.check_layout(folder)
        files = ImageFolder(folder, only_images=True)
        problems = refused_problems(self, files)
        records = []
        names = ClassNames(LABELS)
        for name in files.names:
            found = self._record(files, name, names)
            if isinstance(found, Record):
                records.append(found)
            else:
                problems.append(found)
        notes = taken_notes(names)
        return listing(self, records, problems, version=folder_version(folder), num_rows=0, files=files, notes=notes)

    def _record(self, files: ImageFolder, name: str, names: ClassNames) -> Record | Exclusion:
        place = find_place(PurePosixPath(name).parts)
        if isinstance(place, LeftOut):
            return self.problem(place.rule, name, name, place.detail)
        folder = f"{place.split_folder}/{place.class_name}".removeprefix("/")
        return Record(
            record_id=f"{self.info.name}:{name}",
            source=self.info.name,
            path=files.path(name),
            patient_id=f"{self.info.name}:{place.patient}" if place.patient else None,
            finding=place.class_name,
            label=read_label(names, place.class_name, where=folder, beside=place.split_folder),
            split=place.split,
            notes="" if place.patient else "patient not stated",
        )
