"""WebDataset shards: plain tar files in which the members of one sample share a key.

Each sample has ``KEY.jpg``, ``KEY.cls`` (position of its class) and ``KEY.json`` (its manifest row), as the WebDataset
and ``datasets`` libraries expect. Tar headers hold no date, owner or machine, so equal datasets give equal shards.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

from covidcxr.core.artefacts import atomic_directory, write_text
from covidcxr.core.digests import bytes_sha256
from covidcxr.core.progress import Progress
from covidcxr.core.types import SPLITS, Sample
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.exports import EXPORTS
from covidcxr.dataset.exports.placing import NOTE_FILE, check_empty, note
from covidcxr.dataset.tables import sample_row

_PER_SHARD = 1000


@EXPORTS.register("webdataset")
def export_webdataset(dataset: Dataset, out: Path, progress: Progress) -> None:
    """Write ``out/SPLIT-000000.tar`` and so on, a thousand images each, and ``classes.json``.

    Raises:
        OutputError: If ``out`` holds files already, or cannot be written.
    """
    check_empty(out)
    with atomic_directory(out) as folder:
        tracked = progress.track(_shards(dataset), total=None, label="export")
        for shard, samples in tracked:
            with tarfile.open(folder / shard, "w", format=tarfile.USTAR_FORMAT) as archive:
                for sample in samples:
                    _add(archive, dataset, sample)
        write_text(folder / "classes.json", json.dumps(list(dataset.classes)) + "\n")
        write_text(folder / NOTE_FILE, note(dataset))


def _shards(dataset: Dataset) -> Iterator[tuple[str, list[Sample]]]:
    for split in SPLITS:
        members = [sample for sample in dataset.samples if sample.split == split]
        for number, start in enumerate(range(0, len(members), _PER_SHARD)):
            yield f"{split}-{number:06d}.tar", members[start : start + _PER_SHARD]


def _add(archive: tarfile.TarFile, dataset: Dataset, sample: Sample) -> None:
    path = dataset.image_path(sample)
    stem = path.stem.replace(".", "_")[:70]  # the key ends at the first dot, and a USTAR name at 100 characters
    key = f"{bytes_sha256(sample.record.record_id.encode())[:12]}-{stem}"
    document = json.dumps({**sample_row(sample), "class": dataset.classes.index(sample.label)}, ensure_ascii=False)
    parts = (
        (path.suffix.lower(), path.read_bytes()),
        (".cls", str(dataset.classes.index(sample.label)).encode()),
        (".json", document.encode()),
    )
    for suffix, data in parts:
        member = tarfile.TarInfo(f"{key}{suffix}")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
