"""A plain tree of class folders, read as a dataset: ``CLASS/image`` or ``SPLIT/CLASS/image``.

Nothing is known of patients there, so every image is its own group. Images are not decoded here; one that cannot be
read is found where it is used.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from covidcxr.core.class_names import ClassNames
from covidcxr.core.digests import file_sha256
from covidcxr.core.errors import DatasetError
from covidcxr.core.folder_names import find_split, is_mask_folder
from covidcxr.core.labels import LABELS
from covidcxr.core.types import Manifest, Record, Sample, Split
from covidcxr.dataset.manifest import make_manifest

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".dcm", ".dicom"}
)
SOURCE_NAME = "class-folders"


def read_class_folders(root: Path, names: ClassNames, *, ordered: bool) -> tuple[Manifest, int]:
    """Return the manifest of a class-folder tree and the number of files in it that are no images.

    Without a train / val / test level every sample is in ``test``. Classes are those of ``names``, or only
    those that have an image unless ``ordered``. ``sha256`` is the file's; rows, columns and hash are unknown.

    Raises:
        DatasetError: If there is no folder, no image, a class folder that means no class, or two that mean one.
    """
    if not root.is_dir():
        found = "is a file" if root.exists() else "no such folder"
        raise DatasetError(
            f"{root}: {found}; expected a compiled dataset or a tree of class folders such as COVID-19/ and Normal/"
        )
    samples: list[Sample] = []
    ignored: Counter[str] = Counter()
    for split, among, folder in _class_folders(root):
        label = ""
        for path in _files(folder):
            if path.suffix.casefold() not in IMAGE_SUFFIXES:
                ignored[path.suffix.casefold() or "no extension"] += 1
                continue
            label = label or names.read(folder.name, where=str(folder), beside=among)
            samples.append(_sample(root, path, split=split, finding=folder.name, label=label))
    num_ignored = ignored.total()
    if not samples:
        beside = f" ({num_ignored} files that are no images: {_listing(ignored)})" if ignored else ""
        raise DatasetError(
            f"{root}: no image in any class folder{beside}; expected CLASS/image or SPLIT/CLASS/image, "
            f"with classes such as {', '.join(LABELS[:3])}"
        )
    used = {sample.label for sample in samples}
    manifest = make_manifest(
        samples,
        (),
        classes=tuple(label for label in names.classes if ordered or label in used),
        seed=0,
        source_versions={SOURCE_NAME: "unversioned"},
        synthetic=(root / "SYNTHETIC.txt").is_file(),
    )
    return manifest, num_ignored


def _class_folders(root: Path) -> Iterator[tuple[Split, str, Path]]:
    for folder in _subfolders(root):
        split = find_split(folder.name)
        if split is None:
            yield "test", "", folder
        else:
            yield from ((split, folder.name, inner) for inner in _subfolders(folder))


def _subfolders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not _is_passed_over(path.name))


def _files(folder: Path) -> Iterator[Path]:
    for place, names, files in os.walk(folder):
        names[:] = sorted(name for name in names if not _is_passed_over(name))
        yield from (Path(place) / name for name in sorted(files) if not name.startswith("."))


def _is_passed_over(name: str) -> bool:
    return name.startswith(".") or is_mask_folder(name)


def _sample(root: Path, path: Path, *, split: Split, finding: str, label: str) -> Sample:
    relative = path.relative_to(root)
    record_id = f"{SOURCE_NAME}:{relative.as_posix()}"
    return Sample(
        record=Record(
            record_id=record_id, source=SOURCE_NAME, path=relative, finding=finding, label=label, split=split
        ),
        label=label,
        split=split,
        image=relative.as_posix(),
        sha256=file_sha256(path),
        phash="",
        rows=0,
        columns=0,
        bits_stored=0,
        group_id=record_id,
    )


def _listing(ignored: Counter[str]) -> str:
    return ", ".join(f"{number} {suffix}" for suffix, number in ignored.most_common(5))
