"""The files that say what a dataset folder holds: manifest.csv, exclusions.csv, boxes.csv if any, and dataset.json.

What the images look like, and how they were chosen, is not known here. Paths in these files are relative (to the
dataset's folder, or to the source's), so that two machines write the same bytes and the same digest.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from covidcxr.core.artefacts import write_bytes, write_text
from covidcxr.core.digests import bytes_sha256, file_sha256, json_sha256
from covidcxr.core.errors import DatasetError
from covidcxr.core.notice import NOTICE, SYNTHETIC_NOTICE
from covidcxr.core.types import SPLITS, Box, Exclusion, Manifest, Sample
from covidcxr.core.version import release
from covidcxr.dataset.tables import (
    BOX_COLUMNS,
    EXCLUSION_COLUMNS,
    MANIFEST_COLUMNS,
    box_rows,
    exclusion_row,
    parse_boxes,
    parse_csv,
    parse_exclusion,
    parse_sample,
    sample_row,
    to_csv,
)

MANIFEST_FILE = "manifest.csv"
EXCLUSIONS_FILE = "exclusions.csv"
BOXES_FILE = "boxes.csv"
DATASET_FILE = "dataset.json"
SUMS_FILE = "SHA256SUMS"
FORMAT_VERSION = 1
# Stored, and guarded by the file digests of dataset.json, but no part of what names the dataset. A perceptual hash
# rests on floating-point sums, whose last bit may differ between processors, as do the scores of ``measured_rules``.
# The other three columns were added when digests had been published; they only word what other columns say.
_NOT_IN_DIGEST = frozenset({"phash", "sex_verbatim", "offset_verbatim", "label_kind"})


class DatasetFile(BaseModel):
    """What dataset.json says.

    Attributes:
        recipe: The resolved recipe, as JSON; None if the dataset was not made from one.
        conversion: Settings that decide the pixels of the images (longest side, JPEG quality).
        measured_rules: Rules whose detail in exclusions.csv is a measured score and no part of the digest.
        counts: Split to class to number of images.
        excluded: Rule to number of images left out.
        files: SHA-256 of every other file beside this one, but for those that SHA256SUMS lists.
        details: Anything the compiler adds for readers (leak report, sources' citations).
    """

    model_config = ConfigDict(frozen=True)

    format: str = "covidcxr-dataset"
    format_version: int = FORMAT_VERSION
    covidcxr_version: str = ""
    notice: str = NOTICE
    digest: str
    classes: tuple[str, ...]
    seed: int
    synthetic: bool
    source_versions: dict[str, str]
    conversion: dict[str, Any] = {}
    measured_rules: tuple[str, ...] = ()
    counts: dict[str, dict[str, int]]
    excluded: dict[str, int]
    recipe: dict[str, Any] | None = None
    files: dict[str, str]
    details: dict[str, Any] = {}


def make_manifest(
    samples: Iterable[Sample],
    exclusions: Iterable[Exclusion],
    *,
    classes: Sequence[str],
    seed: int,
    source_versions: Mapping[str, str],
    synthetic: bool = False,
    conversion: Mapping[str, Any] | None = None,
    measured_rules: Sequence[str] = (),
) -> Manifest:
    """Return the sorted `Manifest` of these samples and exclusions, with its digest.

    The digest covers every column of both tables but those of ``_NOT_IN_DIGEST`` and the details of
    ``measured_rules``, the boxes if there are any, the classes, the seed and ``conversion``.
    Record paths must already be relative to the folder of their source. Source versions are left out, because they
    may come from a folder's name; the SHA-256 of every image is in the table.

    Raises:
        DatasetError: If two samples have one record_id, or a record's path is absolute.
    """
    ordered = tuple(sorted(samples, key=lambda sample: sample.record.record_id))
    left_out = tuple(sorted(exclusions, key=_exclusion_order))
    for first, second in itertools.pairwise(ordered):
        if first.record.record_id == second.record.record_id:
            raise DatasetError(
                f"record {first.record.record_id!r} appears twice; every image needs a record_id of its own"
            )
    for sample in ordered:
        if sample.record.path.is_absolute():
            raise DatasetError(
                f"record {sample.record.record_id!r}: path {sample.record.path} is absolute; "
                "expected one relative to its source's folder"
            )
    boxes = [row for sample in ordered for row in box_rows(sample)]
    content = {
        "samples": [
            {key: value for key, value in sample_row(sample).items() if key not in _NOT_IN_DIGEST} for sample in ordered
        ],
        "exclusions": [
            exclusion_row(replace(item, detail="") if item.rule in measured_rules else item) for item in left_out
        ],
        "classes": list(classes),
        "seed": seed,
        "synthetic": synthetic,
        "conversion": dict(conversion or {}),
        **({"boxes": boxes} if boxes else {}),
    }
    return Manifest(
        samples=ordered,
        exclusions=left_out,
        classes=tuple(classes),
        seed=seed,
        source_versions=dict(source_versions),
        synthetic=synthetic,
        digest=json_sha256(content),
        measured_rules=tuple(sorted(measured_rules)),
    )


def write_manifest(
    folder: Path,
    manifest: Manifest,
    *,
    recipe: Mapping[str, Any] | None = None,
    conversion: Mapping[str, Any] | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write the tables (boxes.csv only if there are boxes) and, last, dataset.json, which lists what ``folder`` has.

    ``conversion`` is what `make_manifest` got.

    Raises:
        OutputError: If the folder cannot be written.
    """
    write_tables(folder, manifest)
    write_dataset_file(folder, manifest, recipe=recipe, conversion=conversion, details=details)


def write_tables(folder: Path, manifest: Manifest) -> None:
    """Write manifest.csv, exclusions.csv and, if there are boxes, boxes.csv into ``folder``.

    Raises:
        OutputError: If the folder cannot be written.
    """
    write_bytes(folder / MANIFEST_FILE, to_csv(MANIFEST_COLUMNS, (sample_row(sample) for sample in manifest.samples)))
    write_bytes(folder / EXCLUSIONS_FILE, exclusions_table(manifest.exclusions))
    if any(sample.record.boxes for sample in manifest.samples):
        rows = (row for sample in manifest.samples for row in box_rows(sample))
        write_bytes(folder / BOXES_FILE, to_csv(BOX_COLUMNS, rows))


def write_dataset_file(
    folder: Path,
    manifest: Manifest,
    *,
    recipe: Mapping[str, Any] | None,
    conversion: Mapping[str, Any] | None,
    details: Mapping[str, Any] | None,
) -> None:
    """Write dataset.json into ``folder``, which holds everything else already.

    Raises:
        OutputError: If the folder cannot be written.
    """
    beside = sorted(path for path in folder.iterdir() if path.is_file() and path.name != DATASET_FILE)
    info = DatasetFile(
        covidcxr_version=release(),
        notice=f"{SYNTHETIC_NOTICE} {NOTICE}" if manifest.synthetic else NOTICE,
        digest=manifest.digest,
        classes=manifest.classes,
        seed=manifest.seed,
        synthetic=manifest.synthetic,
        source_versions=dict(manifest.source_versions),
        conversion=dict(conversion or {}),
        measured_rules=manifest.measured_rules,
        counts=count_samples(manifest.samples, manifest.classes),
        excluded=count_exclusions(manifest.exclusions),
        recipe=None if recipe is None else dict(recipe),
        files={path.name: file_sha256(path) for path in beside},
        details=dict(details or {}),
    )
    write_text(folder / DATASET_FILE, json.dumps(info.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n")


def exclusions_table(exclusions: Iterable[Exclusion]) -> bytes:
    """Return exclusions.csv: one row per image left out, sorted, with the rule and what it saw."""
    return to_csv(EXCLUSION_COLUMNS, (exclusion_row(item) for item in sorted(exclusions, key=_exclusion_order)))


def _exclusion_order(item: Exclusion) -> tuple[str, str, str, str]:
    return item.record_id, item.path, item.rule, item.detail


def read_dataset_file(folder: Path) -> DatasetFile:
    """Return the content of ``folder``/dataset.json.

    Raises:
        DatasetError: If it is missing, damaged or of a newer format.
    """
    path = folder / DATASET_FILE
    try:
        info = DatasetFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise DatasetError(
            f"{folder}: no {DATASET_FILE}; expected a whole compiled dataset; "
            f"run: covidcxr compile RECIPE --out {folder}"
        ) from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise DatasetError(
            f"{path}: damaged ({error.error_count()} faults, the first: {error.errors()[0]['msg']}); "
            "compile the dataset again"
        ) from None
    if info.format_version > FORMAT_VERSION:
        raise DatasetError(
            f"{path}: format {info.format_version}, but this covidcxr reads up to {FORMAT_VERSION}; upgrade covidcxr"
        )
    return info


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a compiled dataset.

    Raises:
        DatasetError: If a file is missing, or is not the one that dataset.json names.
    """
    info = read_dataset_file(folder)
    names = (MANIFEST_FILE, EXCLUSIONS_FILE, *((BOXES_FILE,) if BOXES_FILE in info.files else ()))
    tables = {name: _read_checked(folder / name, info.files.get(name)) for name in names}
    try:
        boxes = parse_boxes(parse_csv(tables.get(BOXES_FILE, b"")))
        samples = tuple(_with_boxes(parse_sample(row), boxes) for row in parse_csv(tables[MANIFEST_FILE]))
        exclusions = tuple(parse_exclusion(row) for row in parse_csv(tables[EXCLUSIONS_FILE]))
    except (KeyError, ValueError) as error:
        raise DatasetError(
            f"{folder}: {', '.join(names)}: one is damaged ({error!r}); compile the dataset again"
        ) from error
    return Manifest(
        samples=samples,
        exclusions=exclusions,
        classes=info.classes,
        seed=info.seed,
        source_versions=info.source_versions,
        synthetic=info.synthetic,
        digest=info.digest,
        measured_rules=info.measured_rules,
    )


def count_samples(samples: Iterable[Sample], classes: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return split to class to number of images, for the splits that have any, in the order train, val, test."""
    tally = Counter((sample.split, sample.label) for sample in samples)
    return {
        split: {label: tally[split, label] for label in classes}
        for split in SPLITS
        if any(key[0] == split for key in tally)
    }


def count_exclusions(exclusions: Iterable[Exclusion]) -> dict[str, int]:
    """Return rule to number of exclusions, sorted by rule."""
    return dict(sorted(Counter(item.rule for item in exclusions).items()))


def _with_boxes(sample: Sample, boxes: Mapping[str, tuple[Box, ...]]) -> Sample:
    drawn = boxes.get(sample.record.record_id, ())
    return replace(sample, record=replace(sample.record, boxes=drawn)) if drawn else sample


def _read_checked(path: Path, expected: str | None) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"{path}: cannot be read ({error.strerror}), but {DATASET_FILE} lists it; compile the dataset again"
        ) from error
    if bytes_sha256(data) != expected:
        raise DatasetError(
            f"{path}: is not the file that {DATASET_FILE} lists (SHA-256 differs); "
            "it was altered or cut short; compile the dataset again"
        )
    return data
