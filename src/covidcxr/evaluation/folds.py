"""Divide a compiled dataset again, without touching an image: leave one source out, or k folds by patient.

How a fold is trained and measured is known to `crossval`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from covidcxr.core.errors import EvaluationError
from covidcxr.core.types import Sample
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.manifest import make_manifest

By = Literal["source", "patient"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fold:
    """One training and what it is measured on.

    Attributes:
        name: The source held out, or the fold's number.
        train: What the network may see.
        outside: The samples held out.
        inside: Test samples of the sources that were trained on; empty for folds by patient.
        reason: Why nothing can be estimated; empty if something can.
    """

    name: str
    train: tuple[Sample, ...]
    outside: tuple[Sample, ...]
    inside: tuple[Sample, ...] = ()
    reason: str = ""


def make_folds(dataset: Dataset, by: By, *, folds: int = 5, seed: int = 0) -> list[Fold]:
    """Return the folds of ``dataset``.

    Raises:
        EvaluationError: If there is one source only, or fewer patients than folds.
    """
    return _by_source(dataset) if by == "source" else _by_patient(dataset, folds, seed)


def fold_dataset(dataset: Dataset, fold: Fold) -> Dataset:
    """Return ``dataset`` divided as ``fold`` says; its images stay where they are."""
    parts = [replace(sample, split="train") for sample in fold.train]
    parts += [replace(sample, split="test") for sample in fold.outside]
    old = dataset.manifest
    manifest = make_manifest(
        parts,
        (),
        classes=old.classes,
        seed=old.seed,
        source_versions=old.source_versions,
        synthetic=old.synthetic,
        conversion={"fold": fold.name, "of": old.digest},
    )
    return replace(dataset, manifest=manifest)


def _by_source(dataset: Dataset) -> list[Fold]:
    sources = sorted({sample.record.source for sample in dataset.samples})
    if len(sources) < 2:
        raise EvaluationError(
            f"{dataset.root}: every image is of {sources[0]}; leave-one-source-out needs two sources at least, "
            "use --by patient"
        )
    folds = []
    for source in sources:
        outside = tuple(sample for sample in dataset.samples if sample.record.source == source)
        groups = {sample.group_id for sample in outside}
        others = [sample for sample in dataset.samples if sample.group_id not in groups]
        train = tuple(sample for sample in others if sample.split != "test")
        inside = tuple(sample for sample in others if sample.split == "test")
        reason = _untrainable(train, dataset.classes, source)
        folds.append(Fold(name=source, train=train, outside=outside, inside=inside, reason=reason))
    return folds


def _by_patient(dataset: Dataset, number: int, seed: int) -> list[Fold]:
    """Deal whole groups out to ``number`` folds, class by class, so that each has about its share of every class."""
    generator = np.random.default_rng(seed)
    fold_of: dict[str, int] = {}
    for label in dataset.classes:
        groups = sorted({sample.group_id for sample in dataset.samples if sample.label == label} - fold_of.keys())
        start = len(fold_of) % number
        for position, index in enumerate(generator.permutation(len(groups))):
            fold_of[groups[int(index)]] = (start + position) % number
    if len(fold_of) < number:
        raise EvaluationError(f"{dataset.root}: {len(fold_of)} patients; expected at least as many as folds ({number})")
    folds = []
    for part in range(number):
        outside = tuple(sample for sample in dataset.samples if fold_of[sample.group_id] == part)
        train = tuple(sample for sample in dataset.samples if fold_of[sample.group_id] != part)
        name = f"fold-{part + 1}"
        folds.append(Fold(name=name, train=train, outside=outside, reason=_untrainable(train, dataset.classes, name)))
    return folds


def _untrainable(train: Sequence[Sample], classes: Sequence[str], held_out: str) -> str:
    left = {sample.label for sample in train}
    missing = [label for label in classes if label not in left]
    return f"without {held_out} there is no {' and no '.join(missing)} image to train on" if missing else ""
