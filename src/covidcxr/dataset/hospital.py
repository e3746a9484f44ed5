"""A hospital's own images as a dataset: class folders or a table of labels, patients kept together, nothing named.

Whoever the patients are stays here: identities from a table or a DICOM header only decide which images belong together,
and leave as numbers. Nothing is copied or written.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from covidcxr.core.class_names import ClassNames
from covidcxr.core.digests import file_sha256
from covidcxr.core.errors import DatasetError
from covidcxr.core.types import Manifest, Record, Sample, Sex, View
from covidcxr.core.values import read_age, read_patient, read_sexes, read_view
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.manifest import make_manifest

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
        samples, taken_as = _from_table(root, names), names.taken
    else:
        opened = Dataset.open(root, classes=classes, class_map=class_map)
        samples, taken_as = [_as_hospital(sample) for sample in opened.samples], dict(opened.taken_as)
    samples = _without_names([_with_header(root, sample) for sample in samples])
    manifest: Manifest = make_manifest(
        samples,
        (),
        classes=classes,
        seed=0,
        source_versions={SOURCE: "unversioned"},
        synthetic=(root / "SYNTHETIC.txt").is_file(),
    )
    return Dataset(root=root, manifest=manifest, compiled=False, taken_as=taken_as)


def _from_table(root: Path, names: ClassNames) -> list[Sample]:
    path = root / LABELS_FILE
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        columns = {name.strip().casefold(): name for name in reader.fieldnames or ()}
        rows = list(reader)
    image_column, label_column = (_column(path, columns, names) for names in (_PATH_COLUMNS, _LABEL_COLUMNS))
    if not rows:
        raise DatasetError(f"{path}: no row; expected one line an image, with its path and label")
    sexes = read_sexes((row.get(columns.get("sex", "")) or "").strip() for row in rows)
    samples = []
    for (number, row), sex in zip(enumerate(rows, start=2), sexes, strict=True):
        image = (row[image_column] or "").strip()
        target = (root / image).resolve()
        if not image or not target.is_relative_to(root.resolve()):
            raise DatasetError(f"{path}, line {number}: {image!r} is no file below {root}; give paths relative to it")
        if not target.is_file():
            raise DatasetError(f"{path}, line {number}: no file {image!r}; correct the path or drop the line")
        finding = (row[label_column] or "").strip()
        label = names.read(finding, where=f"{path}, line {number}")
        cells = {name: (row.get(column) or "").strip() for name, column in columns.items()}
        samples.append(replace(_sample(image, finding, label, cells, sex), sha256=file_sha256(target)))
    return samples


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
        image=image,
        sha256="",
        phash="",
        rows=0,
        columns=0,
        bits_stored=8,
        group_id=record.patient_id or record.record_id,
    )


def _as_hospital(sample: Sample) -> Sample:
    record = replace(sample.record, source=SOURCE, patient_id=None)
    return replace(sample, record=record, split="test", group_id=record.record_id)


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


def _column(path: Path, columns: Mapping[str, str], names: Sequence[str]) -> str:
    found = next((columns[name] for name in names if name in columns), None)
    if found is None:
        raise DatasetError(f"{path}: no column {names[0]!r} (found: {', '.join(columns) or 'none'}); add it")
    return found
