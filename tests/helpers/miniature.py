"""A miniature recipe for the phantoms, and image work that can be counted and interrupted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from covidcxr.core.recipe import Recipe
from covidcxr.core.recipe_toml import resolve_recipe
from covidcxr.curation.image_work import ImageFacts, ImageJob, do_image_work

TAKE = {
    "covid-chestxray-dataset": ["COVID-19"],
    "figure1": ["COVID-19"],
    "actualmed": ["COVID-19"],
    "chest-xray-pneumonia": ["Normal", "Pneumonia"],
}


def recipe(**dataset: object) -> Recipe:
    table = {
        "classes": ["COVID-19", "Normal", "Pneumonia"],
        "rules": ["undecodable", "unlabelled", "ct", "lateral", "annotated", "duplicate-file", "conflicting-label"],
        "take": TAKE,
        "split": {"test_images": {"COVID-19": 3}},
        "longest_side": 48,
        **dataset,
    }
    network = {"name": "zhong2020", "preprocess": {"size": 80}}
    return resolve_recipe(
        {"name": "miniature", "title": "Miniature", "dataset": table, "network": network}, where="test"
    )


def csv_source(root: Path, *, split: str = "", **counts: int) -> Path:
    """Write ``root/csv`` with so many images of noise a label, and return ``root``."""
    folder = root / "csv"
    folder.mkdir(parents=True)
    lines = ["path,label,split"]
    for seed, (label, number) in enumerate((label, number) for label, most in counts.items() for number in range(most)):
        pixels = np.random.default_rng(seed).integers(0, 255, (60, 60), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{label}{number}.png")
        lines.append(f"{label}{number}.png,{label},{split}")
    (folder / "films.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


class Counting:
    """Does the image work and counts it; stops after ``limit`` images as Ctrl-C would."""

    def __init__(self, limit: int = 1 << 30) -> None:
        self.limit = limit
        self.done: list[str] = []

    def __call__(self, job: ImageJob) -> ImageFacts:
        if len(self.done) >= self.limit:
            raise KeyboardInterrupt
        self.done.append(job.record_id)
        return do_image_work(job)
