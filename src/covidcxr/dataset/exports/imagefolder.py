"""Hugging Face imagefolder: a folder a split, with a metadata.csv whose ``file_name`` column names the images.

The layout is that of the ``datasets`` library's ImageFolder builder, so that
``load_dataset("imagefolder", data_dir=OUT)`` reads it; split ``val`` is called ``validation`` there.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from covidcxr.core.artefacts import atomic_directory, write_bytes, write_text
from covidcxr.core.outside_text import without_html
from covidcxr.core.progress import Progress
from covidcxr.core.types import SPLITS
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.exports import EXPORTS
from covidcxr.dataset.exports.placing import check_empty, file_names, note
from covidcxr.dataset.tables import sample_row, to_csv

_SPLIT_NAMES = {"train": "train", "val": "validation", "test": "test"}
_METADATA = (
    "record_id",
    "source",
    "patient_id",
    "group_id",
    "view",
    "sex",
    "age_years",
    "age_group",
    "licence",
    "sha256",
)


@EXPORTS.register("imagefolder")
def export_imagefolder(dataset: Dataset, out: Path, progress: Progress) -> None:
    """Copy images to ``out/SPLIT/`` and write ``metadata.csv`` beside them, and a dataset card.

    Raises:
        OutputError: If ``out`` holds files already, or cannot be written.
    """
    check_empty(out)
    names = file_names(dataset)
    with atomic_directory(out) as folder:
        rows: dict[str, list[dict[str, str]]] = {split: [] for split in SPLITS}
        for sample in progress.track(dataset.samples, total=len(dataset.samples), label="export"):
            name = names[sample.record.record_id]
            place = folder / _SPLIT_NAMES[sample.split]
            place.mkdir(exist_ok=True)
            shutil.copyfile(dataset.image_path(sample), place / name)
            row = sample_row(sample)
            known = {column: row[column] for column in _METADATA}
            rows[sample.split].append({"file_name": name, "label": sample.label, **known})
        for split, listing in rows.items():
            if listing:
                write_bytes(
                    folder / _SPLIT_NAMES[split] / "metadata.csv", to_csv(("file_name", "label", *_METADATA), listing)
                )
        write_text(folder / "README.md", without_html(_card(dataset)))


def _card(dataset: Dataset) -> str:
    header = "---\ntask_categories:\n- image-classification\ntags:\n- chest-x-ray\n- covid-19\n---\n"
    return f"{header}\n# {dataset.name}\n\n{note(dataset)}"
