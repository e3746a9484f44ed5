"""A hospital's own images as a dataset: class folders or a table of labels, patients kept together, nothing named.

Whoever the patients are stays here: identities from a table or a DICOM header only decide which images belong together,
and leave as numbers. Nothing is copied or written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from covidcxr.core.class_names import ClassNames
from covidcxr.core.csv_tables import Table, open_table
from covidcxr.core.digests import file_sha256
from covidcxr.core.errors import DatasetError
from covidcxr.core.left_out import LeftOut
from covidcxr.core.types import Manifest, Record, Sample, Sex, View
from covidcxr.core.values import read_age, read_patient, read_sexes, read_view
from covidcxr.dataset.class_folders import relative_to
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.manifest import make_manifest
from covidcxr.imaging.image_files import walk_images

LABELS_FILE = "labels.csv"
SOURCE = "hospital"
_PATH_COLUMNS = ("path", "file", "filename", "image")
_LABEL_COLUMNS = ("label", "class", "finding")


def open_hospital_folder(folder: Path, classes: Sequence[str], class_map: Mapping[str, str]) -> Dataset:
    """Open ``folder`` as one external dataset of ``classes``.

    It is a tree of class folders, or a folder with labels.csv (columns path and label; where known patient_id, sex,
    age_years, view; paths relative to the folder). What the table does not say is taken from DICOM headers.

    Raises:
        DatasetError: If there is neither, a row's file is missing or outside the folder, a label is none of
            ``classes`` and not mapped, or two labels would become one class.
    """
    root = folder.absolute()
    if (root / LABELS_FILE).is_file():
        names = ClassNames(classes, class_map)
        (samples, left_out), taken_as = _from_table(root, names), names.taken
    else:
        opened = Dataset.open(root, classes=classes, class_map=class_map)
        samples = [_as_hospital(sample) for sample in opened.samples]
        left_out, taken_as = opened.left_out, dict(opened.taken_as)
    samples = _without_names([_with_header(root, sample) for sample in samples])
    manifest: Manifest = make_manifest(
        samples,
        (),
        classes=classes,
        seed=0,
        source_versions={SOURCE: "unversioned"},
        synthetic=(root / "SYNTHETIC.txt").is_file(),
    )
    return Dataset(root=root, manifest=manifest, compiled=False, taken_as=taken_as, left_out=left_out)


def _from_table(root: Path, names: ClassNames) -> tuple[list[Sample], tuple[LeftOut, ...]]:
    table = open_table(root / LABELS_FILE)
    image_column, label_column = (_column(table, wanted) for wanted in (_PATH_COLUMNS, _LABEL_COLUMNS))
    if not table.rows:
        raise DatasetError(f"{table.path}: no row; expected one line an image, with its path and label")
    columns = {name: table.find(name) or "" for name in ("patient_id", "sex", "age_years", "age", "view")}
    sexes = read_sexes(row.get(columns["sex"], "") for row in table.rows)
    samples: list[Sample] = []
    lines: dict[Path, int] = {}
    for row, sex in zip(table.rows, sexes, strict=True):
        where = f"{table.path}, line {row.line}"
        image = row[image_column]
        target = _image_of(root, image, f"{where}, column {image_column!r}")
        if (first := lines.setdefault(target, row.line)) != row.line:
            raise DatasetError(
                f"{where}, column {image_column!r}: {image!r} is named in line {first} already; drop one of the lines"
            )
        label = names.read(row[label_column], where=f"{where}, column {label_column!r}")
        cells = {name: row[column] if column else "" for name, column in columns.items()}
        samples.append(replace(_sample(image, row[label_column], label, cells, sex), sha256=file_sha256(target)))
    left_out: list[LeftOut] = []
    for path in walk_images(root, tell=left_out.append):
        if path.resolve() not in lines:
            detail = f"no row of {LABELS_FILE} names it"
            left_out.append(LeftOut(path=str(path), rule="no-metadata", detail=detail))
    own = {str(table.path), str(root / "SYNTHETIC.txt")}
    return samples, relative_to(root, [item for item in left_out if item.path not in own])


def _image_of(root: Path, image: str, where: str) -> Path:
    """Return the file that a cell names."""
    target = (root / image.replace("\\", "/")).resolve() if "\0" not in image else root
    if not image or not target.is_relative_to(root.resolve()):
        raise DatasetError(f"{where}: {image!r} is no file below {root}; give paths relative to it")
    if not os.path.isfile(target):  # noqa: PTH113 - a name that is too long is no file; Path.is_file would raise
        raise DatasetError(f"{where}: no file {image!r}; correct the path or drop the line")
    return target


def _sample(image: str, finding: str, label: str, cells: Mapping[str, str], sex: Sex | None) -> Sample:
    record = Record(
        record_id=f"{SOURCE}:{image}",
        source=SOURCE,
        path=Path(image),
        patient_id=read_patient(cells.get("patient_id", "")),
        view=read_view(cells.get("view", "")),
        finding=finding,
        label=label,
        sex=sex,
        age_years=read_age(cells.get("age_years", "") or cells.get("age", "")),
    )
    return Sample(
        record=record,
        label=label,
        split="test",
        image=image.replace("\\", "/"),
        sha256="",
        phash="",
        rows=0,
        columns=0,
        bits_stored=8,
        group_id=record.patient_id or record.record_id,
    )


def _as_hospital(sample: Sample) -> Sample:
    record = replace(sample.record, source=SOURCE)
    return replace(sample, record=record, split="test")


def _with_header(root: Path, sample: Sample) -> Sample:
    """Fill in what a DICOM header says and the table does not; any other file comes back unchanged."""
    from covidcxr.imaging.dicom.facts import read_facts

    facts = read_facts(root / sample.image)
    if facts is None:
        return sample
    record = sample.record
    patient_id = record.patient_id or (f"{facts.issuer}/{facts.patient_id}" if facts.patient_id else None)
    record = replace(
        record,
        patient_id=patient_id,
        view=facts.view if record.view is View.UNKNOWN else record.view,
        age_years=facts.age_years if record.age_years is None else record.age_years,
        sex=record.sex or facts.sex,
    )
    return replace(sample, record=record, group_id=patient_id or record.record_id)


def _without_names(samples: Sequence[Sample]) -> list[Sample]:
    """Replace every identity by a number that means nothing elsewhere."""
    patients = sorted({sample.record.patient_id for sample in samples if sample.record.patient_id})
    numbers = {patient: f"{SOURCE}:patient-{number:05d}" for number, patient in enumerate(patients, start=1)}
    hidden = []
    for sample in samples:
        patient = numbers.get(sample.record.patient_id or "")
        record = replace(sample.record, patient_id=patient)
        hidden.append(replace(sample, record=record, group_id=patient or record.record_id))
    return hidden


def _column(table: Table, names: Sequence[str]) -> str:
    column = table.find(*names)
    if column is None:
        raise DatasetError(f"{table.path}, line 1: no column {names[0]!r} (found: {table.found()}); add it")
    return column
