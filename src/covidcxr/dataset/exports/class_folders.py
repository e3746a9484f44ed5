"""``SPLIT/CLASS/image``: what torchvision's ImageFolder and Keras' image_dataset_from_directory read."""

from __future__ import annotations

import shutil
from pathlib import Path

from covidcxr.core.artefacts import atomic_directory, free_name, write_text
from covidcxr.core.progress import Progress
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.exports import EXPORTS
from covidcxr.dataset.exports.placing import NOTE_FILE, check_empty, file_names, note


@EXPORTS.register("class-folders")
def export_class_folders(dataset: Dataset, out: Path, progress: Progress) -> None:
    """Copy every image to ``out/SPLIT/CLASS/``; only those of a known group are named ``<number>__<rest>``.

    Raises:
        OutputError: If ``out`` holds files already, or cannot be written.
    """
    check_empty(out)
    names = file_names(dataset)
    known = sorted({sample.group_id for sample in dataset.samples if sample.group_id != sample.record.record_id})
    numbers = {group: f"{number:05d}" for number, group in enumerate(known, start=1)}
    taken: dict[Path, set[str]] = {}
    with atomic_directory(out) as folder:
        for sample in progress.track(dataset.samples, total=len(dataset.samples), label="export"):
            name = names[sample.record.record_id].replace("__", "-")  # the reader takes "__" for a patient's end
            number = numbers.get(sample.group_id)
            named = Path(f"{number}__{name}" if number else name)
            place = folder / sample.split / sample.label
            place.mkdir(parents=True, exist_ok=True)
            target = place / free_name(named.stem, named.suffix, taken.setdefault(place, set()))
            shutil.copyfile(dataset.image_path(sample), target)
        write_text(folder / NOTE_FILE, note(dataset))
