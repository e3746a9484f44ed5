"""A dataset on disk, compiled or a plain tree of class folders, opened for reading.

How a dataset is made is known to `covidcxr.curation`; pixels are read by `covidcxr.imaging`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from covidcxr.core.checksums import SUMS_FILE, parse_checksums
from covidcxr.core.class_names import ClassNames, taken_sentence
from covidcxr.core.digests import file_sha256
from covidcxr.core.errors import DatasetError
from covidcxr.core.labels import LABELS
from covidcxr.core.left_out import LeftOut, left_out_sentence
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.types import Manifest, Sample, Split
from covidcxr.dataset.class_folders import read_class_folders
from covidcxr.dataset.manifest import DATASET_FILE, MANIFEST_FILE, make_manifest, read_dataset_file, read_manifest
from covidcxr.dataset.patients import patient_notes

IMAGES_FOLDER = "images"


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that `Dataset.verify` found wrong: which file, and what about it."""

    path: str
    detail: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """The samples of a dataset and where their images are.

    Attributes:
        root: The dataset's folder, absolute.
        manifest: Samples, exclusions, classes, digest.
        recipe: The resolved recipe that made it, as JSON; None for a tree of class folders.
        compiled: False for a tree of class folders.
        left_out: Everything in a folder that is not compiled that was passed over.
        taken_as: Every class name on disk that is not the class's own, to the class that it was taken as.
    """

    root: Path
    manifest: Manifest
    recipe: Mapping[str, Any] | None = None
    compiled: bool = True
    left_out: tuple[LeftOut, ...] = ()
    taken_as: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def open(
        cls, path: Path | str, *, classes: Sequence[str] | None = None, class_map: Mapping[str, str] | None = None
    ) -> Dataset:
        """Open a compiled dataset or a class-folder tree.

        ``classes`` are the classes, and their order, that the caller works with (a bundle's): labels are renamed to
        them, by ``class_map`` first and then by what they mean (see `covidcxr.core.class_names.ClassNames`).

        Raises:
            DatasetError: If the folder is missing, partial, altered or empty, or holds a class that is none of
                ``classes``, or two that would become one.
        """
        root = Path(path).absolute()
        if not _looks_compiled(root):
            names = ClassNames(classes or LABELS, class_map)
            manifest, left_out = read_class_folders(root, names, ordered=classes is not None)
            return cls(root=root, manifest=manifest, compiled=False, left_out=left_out, taken_as=dict(names.taken))
        info = read_dataset_file(root)
        manifest = read_manifest(root)
        if not manifest.samples:
            raise DatasetError(f"{root}: the dataset has no images; every one was excluded, see exclusions.csv")
        if not (root / IMAGES_FOLDER).is_dir():
            raise DatasetError(
                f"{root}: no {IMAGES_FOLDER}/ folder beside {DATASET_FILE}; the dataset is partial; compile it again"
            )
        names = ClassNames(classes or manifest.classes, class_map)
        manifest = _with_classes(manifest, names, where=str(root))
        return cls(root=root, manifest=manifest, recipe=info.recipe, taken_as=dict(names.taken))

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes in the order of a network's outputs."""
        return self.manifest.classes

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Every sample, sorted by record_id."""
        return self.manifest.samples

    @property
    def digest(self) -> str:
        """SHA-256 that names the dataset's content."""
        return self.manifest.digest

    @property
    def synthetic(self) -> bool:
        """True if the images are computed phantoms and not radiographs."""
        return self.manifest.synthetic

    @property
    def name(self) -> str:
        """What to call it in a table: the recipe's name, or the folder's."""
        return str(self.recipe["name"]) if self.recipe and "name" in self.recipe else self.root.name

    @property
    def notes(self) -> tuple[str, ...]:
        """What was decided on opening it that the numbers depend on, in sentences."""
        notes = [f"Names of classes: {taken_sentence(self.taken_as)}."] if self.taken_as else []
        if self.left_out:
            notes.append(f"{left_out_sentence(self.left_out)}.")
        if not self.compiled:
            notes += patient_notes((sample.record.patient_id, sample.label) for sample in self.samples)
        return tuple(notes)

    def split(self, name: Split) -> tuple[Sample, ...]:
        """Return the samples of one split, sorted by record_id.

        Raises:
            DatasetError: If there is no such split, or it is empty.
        """
        chosen = tuple(sample for sample in self.samples if sample.split == name)
        if not chosen:
            known = [split for split in get_args(Split) if any(sample.split == split for sample in self.samples)]
            raise DatasetError(f"{self.root}: no image in split {name!r} (found: {', '.join(known)})")
        return chosen

    def image_path(self, sample: Sample) -> Path:
        """Return where the image of ``sample`` is."""
        return self.root / sample.image

    def digests_of(self, sample: Sample) -> frozenset[str]:
        """Return the SHA-256 of the sample's source file and, in a compiled dataset, of the image made of it."""
        return frozenset({sample.sha256, self.image_digests.get(sample.image, sample.sha256)})

    @cached_property
    def image_digests(self) -> Mapping[str, str]:
        """Image path, relative to the folder, to its SHA-256 as the compiler stored it; empty for class folders."""
        path = self.root / SUMS_FILE
        if not self.compiled or not path.is_file():
            return {}
        try:
            return parse_checksums(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DatasetError(f"{path}: {error}; compile the dataset again") from None

    def verify(self, progress: Progress = SILENT) -> tuple[Problem, ...]:
        """Read every image again and return what is missing, altered or unlisted; empty if all is well.

        A compiled dataset is checked against its SHA256SUMS, its manifest's digest and every file that dataset.json
        lists; a class-folder tree has nothing to be checked against but its own reading.
        """
        if not self.compiled:
            missing = (sample.image for sample in self.samples if not self.image_path(sample).is_file())
            return tuple(Problem(path=image, detail="missing") for image in missing)
        expected = self.image_digests
        problems: list[Problem] = []
        for image in progress.track(sorted(expected), total=len(expected), label="verify"):
            problems += self._compared(image, expected[image], listed_in=SUMS_FILE)
        for name, digest in read_dataset_file(self.root).files.items():
            problems += self._compared(name, digest, listed_in=DATASET_FILE)
        on_disk = {
            path.relative_to(self.root).as_posix() for path in (self.root / IMAGES_FOLDER).rglob("*") if path.is_file()
        }
        problems += [Problem(path=image, detail=f"not in {SUMS_FILE}") for image in sorted(on_disk - expected.keys())]
        listed = {sample.image for sample in self.samples}
        problems += [
            Problem(path=image, detail=f"in {MANIFEST_FILE} but not in {SUMS_FILE}")
            for image in sorted(listed - expected.keys())
        ]
        return (*problems, *self._verify_digest())

    def _compared(self, name: str, digest: str, *, listed_in: str) -> list[Problem]:
        path = self.root / name
        if not path.is_file():
            return [Problem(path=name, detail="missing")]
        if file_sha256(path) != digest:
            return [Problem(path=name, detail=f"altered: its SHA-256 is not the one in {listed_in}")]
        return []

    def _verify_digest(self) -> list[Problem]:
        info = read_dataset_file(self.root)
        stored = read_manifest(self.root)
        again = make_manifest(
            stored.samples,
            stored.exclusions,
            classes=info.classes,
            seed=info.seed,
            source_versions=info.source_versions,
            synthetic=info.synthetic,
            conversion=info.conversion,
            measured_rules=info.measured_rules,
        )
        if again.digest == info.digest:
            return []
        return [
            Problem(
                path=DATASET_FILE, detail=f"digest {info.digest[:12]} is not that of its tables, {again.digest[:12]}"
            )
        ]


def _looks_compiled(root: Path) -> bool:
    return any((root / name).is_file() for name in (DATASET_FILE, MANIFEST_FILE))


def _with_classes(manifest: Manifest, names: ClassNames, *, where: str) -> Manifest:
    used = sorted({sample.label for sample in manifest.samples})
    renamed = {label: names.read(label, where=where) for label in used}
    if names.classes == manifest.classes and all(label == name for label, name in renamed.items()):
        return manifest
    samples = tuple(replace(sample, label=renamed[sample.label]) for sample in manifest.samples)
    return replace(manifest, samples=samples, classes=names.classes)
