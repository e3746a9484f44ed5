"""Small samples, manifests and compiled datasets for the tests of the dataset room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from covidcxr.core.digests import file_sha256
from covidcxr.core.types import Exclusion, Manifest, Record, Sample, Sex, Split, View
from covidcxr.dataset.manifest import make_manifest, write_manifest

CLASSES = ("COVID-19", "Normal")
CONVERSION = {"longest_side": 64, "jpeg_quality": 90}


def sample(key: str, *, label: str = "COVID-19", split: Split = "train", patient: str | None = None) -> Sample:
    """Return a sample of an imaginary source."""
    patient_id = f"cohen:{patient}" if patient else None
    return Sample(
        record=Record(
            record_id=f"cohen:{key}",
            source="cohen",
            path=Path("cohen") / "images" / key,
            patient_id=patient_id,
            view=View.PA,
            finding=label,
            label=label,
            sex=Sex.FEMALE,
            age_years=64.5,
            age_verbatim="64.5",
            notes='a "quoted" note,\nin two lines',
        ),
        label=label,
        split=split,
        image=f"images/{split}/{label}/cohen__{key}.jpg",
        sha256="0" * 64,
        phash="00ff00ff00ff00ff",
        rows=40,
        columns=48,
        bits_stored=8,
        group_id=patient_id or f"cohen:{key}",
    )


def manifest(*samples: Sample, synthetic: bool = False) -> Manifest:
    """Return a manifest with one exclusion."""
    left_out = Exclusion(
        record_id="cohen:ct.png", source="cohen", path="cohen/images/ct.png", rule="ct", detail="view CT"
    )
    return make_manifest(
        samples,
        [left_out],
        classes=CLASSES,
        seed=7,
        source_versions={"cohen": "unversioned"},
        synthetic=synthetic,
        conversion=CONVERSION,
    )


def write_image(path: Path, seed: int) -> None:
    """Write a small gray JPEG whose content depends on ``seed``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (5, 6), dtype=np.uint8)
    Image.fromarray(pixels).resize((48, 40)).save(path, format="JPEG", quality=90)


def compiled_dataset(root: Path, *samples: Sample) -> Manifest:
    """Write a whole compiled dataset of ``samples`` into ``root``."""
    sums = []
    for seed, item in enumerate(samples):
        write_image(root / item.image, seed)
        sums.append(f"{file_sha256(root / item.image)}  {item.image}\n")
    (root / "SHA256SUMS").write_text("".join(sums))
    written = manifest(*samples)
    write_manifest(root, written, recipe={"name": "miniature"}, conversion=CONVERSION)
    return written
