"""class-folders: any tree of images in folders named after their class, with train, test and val folders or without.

``covid-19/a.png``, ``train/COVID19/a.png`` and ``Train/Viral Pneumonia/x/a.png`` are all read; a class is matched by
whole name without case or punctuation. A folder that no class is named after keeps its images, without a label. What
lies in a folder of masks (``COVID/masks/`` of the COVID-19 Radiography Database) is no radiograph, and is reported.
Patients are unknown, unless file names follow ``<patient>__<rest>``.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from covidcxr.core.class_names import ClassNames
from covidcxr.core.folder_names import find_split, is_mask_folder
from covidcxr.core.labels import LABELS, find_label
from covidcxr.core.types import Exclusion, Record
from covidcxr.sources import SOURCES
from covidcxr.sources.folder import IMAGE_SUFFIXES, ImageFolder
from covidcxr.sources.source import (
    Source,
    SourceInfo,
    SourceListing,
    folder_version,
    listing,
    read_label,
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
        files = ImageFolder(folder, suffixes=IMAGE_SUFFIXES)
        problems = [self.problem("link-outside", link, link, detail) for link, detail in files.refused.items()]
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
        *folders, file_name = PurePosixPath(name).parts
        if any(is_mask_folder(folder) for folder in folders):
            return self.problem("mask", name, name, "lies in a folder of masks; no radiograph")
        split = find_split(folders[0]) if folders else None
        classes = folders[1:] if split else folders
        if not classes:
            return self.problem("no-metadata", name, name, "lies in no class folder")
        patient, separator, _ = file_name.partition("__")
        return Record(
            record_id=f"{self.info.name}:{name}",
            source=self.info.name,
            path=files.path(name),
            patient_id=f"{self.info.name}:{patient}" if separator and patient else None,
            finding=classes[0],
            label=read_label(names, classes[0], where="/".join(folders), beside=folders[0] if split else ""),
            split=split,
            notes="" if separator else "patient not stated",
        )
