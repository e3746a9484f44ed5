"""``SPLIT/CLASS/image``: what torchvision's ImageFolder and Keras' image_dataset_from_directory read."""

from __future__ import annotations

import shutil
from pathlib import Path

from covidcxr.core.artefacts import atomic_directory, write_text
from covidcxr.core.progress import Progress
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.exports import EXPORTS
from covidcxr.dataset.exports.placing import NOTE_FILE, check_empty, file_names, note


@EXPORTS.register("class-folders")
def export_class_folders(dataset: Dataset, out: Path, progress: Progress) -> None:
    """Copy every image to ``out/SPLIT/CLASS/``.

    Raises:
        OutputError: If ``out`` holds files already, or cannot be written.
    """
    check_empty(out)
    names = file_names(dataset)
    with atomic_directory(out) as folder:
        for sample in progress.track(dataset.samples, total=len(dataset.samples), label="export"):
            target = folder / sample.split / sample.label / names[sample.record.record_id]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(dataset.image_path(sample), target)
        write_text(folder / NOTE_FILE, note(dataset))
