"""A miniature compiled dataset and a miniature bundle, for the tests of the commands that read both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from covidcxr.core.digests import file_sha256
from covidcxr.core.recipe_toml import load_recipe
from covidcxr.core.types import Exclusion, Manifest, Record, Sample, Sex, Split, View
from covidcxr.dataset.manifest import make_manifest, write_manifest

CLASSES = ("COVID-19", "Normal", "Pneumonia")
CONVERSION = {"longest_side": 64, "jpeg_quality": 90}


def write_dataset(
    root: Path,
    *,
    name: str = "mini",
    num_each: int = 6,
    seed: int = 0,
    synthetic: bool = False,
    mixed: bool = False,
    recipe: dict[str, object] | None = None,
) -> Manifest:
    """Write a compiled dataset of ``num_each`` images a class and split; COVID-19 are adults, the others children.

    Adults are of source ``home`` and children of ``school``; ``mixed`` has both in every class. ``recipe`` is what
    dataset.json says it was compiled by.
    """
    generator = np.random.default_rng(seed)
    samples, sums = [], []
    splits: tuple[Split, ...] = ("train", "test")
    for split in splits:
        for position, label in enumerate(CLASSES):
            for number in range(num_each):
                key = f"{name}-{split}-{position}-{number}.png"
                image = f"images/{split}/{label}/{key}.jpg"
                path = root / image
                path.parent.mkdir(parents=True, exist_ok=True)
                pixels = np.clip(generator.normal(90 + 30 * position, 30, (48, 40)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(path, quality=90)
                sums.append(f"{file_sha256(path)}  {image}\n")
                samples.append(
                    _sample(
                        key,
                        label,
                        split,
                        image=image,
                        sha256=file_sha256(path),
                        number=number,
                        adult=number % 4 < 2 if mixed else position == 0,
                    )
                )
    (root / "SHA256SUMS").write_text("".join(sums))
    left_out = Exclusion(record_id="home:x.png", source="home", path="home/x.png", rule="no-file", detail="no file")
    manifest = make_manifest(
        samples,
        [left_out],
        classes=CLASSES,
        seed=1,
        source_versions={"home": "v1"},
        synthetic=synthetic,
        conversion=CONVERSION,
    )
    write_manifest(root, manifest, recipe=recipe or {"name": name}, conversion=CONVERSION)
    return manifest


def write_bundle(root: Path, dataset_digest: str, *, seed: int = 0, size: int = 96, **fields: object) -> Path:
    """Write an untrained bundle of a small network, and a history of two epochs beside it; return its folder."""
    import torch

    from covidcxr.core.types import PreprocessSpec
    from covidcxr.models.build import build_network
    from covidcxr.models.bundle import save_bundle
    from covidcxr.models.bundle_info import BundleInfo, HistoryInfo, NetworkInfo, PreprocessInfo
    from covidcxr.models.history import HISTORY_FILE, EpochHistory, write_history

    torch.manual_seed(seed)
    network = build_network("haghanifar2020", num_classes=3, preprocess=PreprocessSpec(size=size), options={})
    content: dict[str, object] = {
        "name": "mini",
        "title": "A miniature",
        "recipe": load_recipe("zhong2020", ["evaluation.bootstrap_rounds=60"]).model_dump(mode="json"),
        "history": HistoryInfo(
            epochs=2,
            kept_epoch=2,
            seconds=3.0,
            device="cpu",
            validation_split="test",
            train={"accuracy": 0.9, "loss": 0.8},
        ),
    }
    info = BundleInfo(
        network=NetworkInfo(name="haghanifar2020", num_parameters=network.num_parameters),
        classes=CLASSES,
        preprocess=PreprocessInfo(size=size),
        dataset_digest=dataset_digest,
        **(content | fields),  # type: ignore[arg-type]
    )
    epochs = [
        EpochHistory(
            epoch=epoch,
            learning_rate=1e-3,
            train={"accuracy": 0.5, "loss": 1.0},
            validation={"accuracy": 0.4, "loss": 1.1},
            confusion=[],
            seconds=1.0,
            images_per_second=1.0,
        )
        for epoch in (1, 2)
    ]
    folder = save_bundle(root / "bundle", network, info).folder
    write_history(root / HISTORY_FILE, "mini", epochs)
    return folder


def write_class_folders(root: Path, counts: dict[str, int]) -> Path:
    """Write a tree of class folders with that many images."""
    generator = np.random.default_rng(5)
    for label, number in counts.items():
        (root / label).mkdir(parents=True)
        for position in range(number):
            pixels = generator.integers(0, 256, (40, 40), dtype=np.uint8)
            Image.fromarray(pixels).save(root / label / f"{position}.png")
    return root


def _sample(key: str, label: str, split: Split, *, image: str, sha256: str, number: int, adult: bool) -> Sample:
    record = Record(
        record_id=f"home:{key}",
        source="home" if adult else "school",
        path=Path("home") / key,
        patient_id=f"home:{split}{label}{number // 2}",
        view=View.PA,
        label=label,
        sex=Sex.FEMALE if number % 2 else Sex.MALE,
        age_years=60.0 + number if adult else 4.0,
    )
    return Sample(
        record=record,
        label=label,
        split=split,
        image=image,
        sha256=sha256,
        phash="0" * 16,
        rows=48,
        columns=40,
        bits_stored=8,
        group_id=str(record.patient_id),
    )
