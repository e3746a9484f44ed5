"""What the export formats share: file names, the accompanying note, and the refusal to write over anything."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath

from covidcxr.core.digests import bytes_sha256
from covidcxr.core.errors import OutputError
from covidcxr.core.notice import NOTICE, SYNTHETIC_NOTICE
from covidcxr.dataset.dataset import Dataset

NOTE_FILE = "ABOUT.txt"


def file_names(dataset: Dataset) -> dict[str, str]:
    """Return record_id to a file name that is unique in the whole dataset, whatever its case."""
    plain = {sample.record.record_id: PurePosixPath(sample.image).name for sample in dataset.samples}
    seen = Counter(name.casefold() for name in plain.values())
    return {
        record_id: name if seen[name.casefold()] == 1 else f"{bytes_sha256(record_id.encode())[:8]}-{name}"
        for record_id, name in plain.items()
    }


def note(dataset: Dataset) -> str:
    """Return a few lines that say where the images are from; every export carries them."""
    banner = f"{SYNTHETIC_NOTICE}\n" if dataset.synthetic else ""
    return (
        f"{banner}{NOTICE}\n"
        f"Exported by covidcxr from dataset {dataset.name}, digest {dataset.digest}.\n"
        f"Classes: {', '.join(dataset.classes)}.\n"
        "Licences differ from image to image; see the licence column of the dataset's manifest.csv.\n"
    )


def check_empty(out: Path) -> None:
    """Refuse a place that holds anything.

    Raises:
        OutputError: If it does.
    """
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise OutputError(f"{out}: holds something already; choose another place with --out, or remove it first")
