"""Trees of class folders, ``CLASS/image`` or ``SPLIT/CLASS/image``: the one reader of where an image lies in them.

Patients are unknown there, unless file names follow ``<patient>__<rest>``. Images are not decoded here; one that cannot
be read is found where it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from covidcxr.core.class_names import ClassNames
from covidcxr.core.digests import file_sha256
from covidcxr.core.errors import DatasetError
from covidcxr.core.folder_names import find_split, is_mask_folder
from covidcxr.core.labels import LABELS
from covidcxr.core.left_out import LeftOut, left_out_sentence
from covidcxr.core.types import Manifest, Record, Sample, Split
from covidcxr.core.values import read_patient
from covidcxr.dataset.manifest import make_manifest
from covidcxr.imaging.image_files import Parts, walk_images

SOURCE_NAME = "class-folders"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where an image lies in a tree of class folders.

    Attributes:
        class_name: Of its class folder, as it is written.
        split: The part that its split folder means; None without one.
        split_folder: That folder's name; "" without one.
        patient: As the file name tells; None where it does not.
    """

    class_name: str
    split: Split | None
    split_folder: str
    patient: str | None


def find_place(parts: Parts) -> Place | LeftOut:
    """Return where the image with these names, from the top of the tree to the file, lies, or why it is passed over."""
    *folders, file_name = parts
    path = "/".join(parts)
    if any(is_mask_folder(folder) for folder in folders):
        return LeftOut(path=path, rule="mask", detail="lies in a folder of masks; no radiograph")
    split = find_split(folders[0]) if folders else None
    classes = folders[1:] if split else folders
    if not classes:
        return LeftOut(path=path, rule="no-metadata", detail="lies in no class folder")
    patient, separator, _ = file_name.partition("__")
    return Place(
        class_name=classes[0],
        split=split,
        split_folder=folders[0] if split else "",
        patient=read_patient(patient) if separator else None,
    )


def class_realm(parts: Parts) -> Parts:
    """Return the part of a folder's names that says which class folder it lies in; see `walk_images`."""
    return parts[: 2 if parts and find_split(parts[0]) else 1]


def read_class_folders(root: Path, names: ClassNames, *, ordered: bool) -> tuple[Manifest, tuple[LeftOut, ...]]:
    """Return the manifest of a class-folder tree and everything in it that was passed over.

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
    left_out: list[LeftOut] = []
    samples: list[Sample] = []
    for path in walk_images(root, tell=left_out.append, realm=class_realm):
        place = find_place(path.relative_to(root).parts)
        sample = _sample(root, path, place, names) if isinstance(place, Place) else place
        if isinstance(sample, Sample):
            samples.append(sample)
        else:
            left_out.append(sample)
    if not samples:
        beside = f" ({left_out_sentence(left_out)})" if left_out else ""
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
    return manifest, relative_to(root, left_out)


def relative_to(root: Path, left_out: list[LeftOut]) -> tuple[LeftOut, ...]:
    """Return what was left out with paths below ``root`` written from there, sorted."""
    prefix = f"{root}/"
    named = (
        LeftOut(path=item.path.removeprefix(prefix), rule=item.rule, detail=item.detail.replace(prefix, ""))
        for item in left_out
    )
    return tuple(sorted(named, key=lambda item: (item.path, item.rule)))


def readable_digest(path: Path, unread: Callable[[str], LeftOut]) -> str | LeftOut:
    """Return the SHA-256 of a file, or what ``unread`` makes of the reason why it cannot be opened."""
    try:
        return file_sha256(path)
    except OSError as error:
        return unread(error.strerror or str(error))


def _sample(root: Path, path: Path, place: Place, names: ClassNames) -> Sample | LeftOut:
    relative = path.relative_to(root)
    folder = root / place.split_folder / place.class_name
    label = names.read(place.class_name, where=str(folder), beside=place.split_folder)
    digest = readable_digest(
        path, lambda why: LeftOut(path=relative.as_posix(), rule="unreadable", detail=f"cannot be opened: {why}")
    )
    if isinstance(digest, LeftOut):
        return digest
    record_id = f"{SOURCE_NAME}:{relative.as_posix()}"
    patient_id = f"{SOURCE_NAME}:{place.patient}" if place.patient else None
    split = place.split or "test"
    return Sample(
        record=Record(
            record_id=record_id,
            source=SOURCE_NAME,
            path=relative,
            patient_id=patient_id,
            finding=place.class_name,
            label=label,
            split=split,
        ),
        label=label,
        split=split,
        image=relative.as_posix(),
        sha256=digest,
        phash="",
        rows=0,
        columns=0,
        bits_stored=0,
        group_id=patient_id or record_id,
    )
