"""A ZIP archive of class folders, named with its date, because the public sources grow.

Apart from the name it is deterministic: equal datasets give equal bytes.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from covidcxr.core.artefacts import atomic_file
from covidcxr.core.progress import Progress
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.exports import EXPORTS
from covidcxr.dataset.exports.placing import NOTE_FILE, check_empty, file_names, note

_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest that a ZIP can hold; the true one would change the bytes


@EXPORTS.register("archive")
def export_archive(dataset: Dataset, out: Path, progress: Progress) -> None:
    """Write ``out/NAME-YYYY-MM-DD.zip`` with ``SPLIT/CLASS/image`` and manifest.csv.

    Raises:
        OutputError: If ``out`` holds files already, or cannot be written.
    """
    check_empty(out)
    write_archive(dataset, out / archive_name(dataset.name), progress)


def write_archive(dataset: Dataset, target: Path, progress: Progress) -> None:
    """Write the archive to the file ``target``.

    Raises:
        OutputError: If it cannot be written.
    """
    names = file_names(dataset)
    with atomic_file(target) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        for sample in progress.track(dataset.samples, total=len(dataset.samples), label="archive"):
            name = f"{sample.split}/{sample.label}/{names[sample.record.record_id]}"
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), dataset.image_path(sample).read_bytes())
        for name in ("manifest.csv", "exclusions.csv", "DATASHEET.md"):
            if (dataset.root / name).is_file():
                archive.writestr(zipfile.ZipInfo(name, _MOMENT), (dataset.root / name).read_bytes())
        archive.writestr(zipfile.ZipInfo(NOTE_FILE, _MOMENT), note(dataset))


def archive_name(name: str, environment: Mapping[str, str] | None = None) -> str:
    """Return ``NAME-YYYY-MM-DD.zip`` for today in UTC, or for SOURCE_DATE_EPOCH where that is set."""
    epoch = (os.environ if environment is None else environment).get("SOURCE_DATE_EPOCH", "")
    day: date = datetime.fromtimestamp(int(epoch), UTC).date() if epoch.isdigit() else datetime.now(UTC).date()
    return f"{name}-{day.isoformat()}.zip"
