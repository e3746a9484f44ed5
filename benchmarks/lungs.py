"""Lung fields against hand-drawn masks and boxes on held-out patients, and how long one image takes on one core.

The Dice of the images that the network was trained on stands beside that of the held-out ones: no network can follow
the hands that drew the masks much more closely than it follows those it learnt from.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.record import write_result
from covidcxr.core.errors import ImageReadError
from covidcxr.core.types import Record
from covidcxr.imaging.lungs.segment import lung_network_card, segment_lungs
from covidcxr.imaging.reading import read
from covidcxr.shipped.lungs.data import DrawnMasks, drawn_masks, is_held_out
from covidcxr.shipped.lungs.selftrain import BOX_MARGIN, box_overlaps, read_lung_boxes
from covidcxr.sources.lookup import locate_sources, read_source


def main() -> None:
    """Segment the held-out images of every source, compare, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("--boxes", type=Path, required=True)
    parser.add_argument("--films", type=int, default=300, help="at most so many of each source")
    options = parser.parse_args()
    drawn, boxes = drawn_masks(options.masks), read_lung_boxes(options.boxes)
    measured: dict[str, list[float]] = defaultdict(list)
    found: dict[str, list[bool]] = defaultdict(list)
    for name in locate_sources(options.sources):
        records = read_source(name, options.sources).records
        held = [record for record in records if is_held_out(record.patient_id or record.record_id)]
        trained = [record for record in records if not is_held_out(record.patient_id or record.record_id)]
        measured["dice_trained"] += trained_dice(trained, drawn)
        for record in held[: options.films]:
            try:
                film = read(record.path)
            except ImageReadError:
                continue
            started = time.process_time()
            fields = segment_lungs(film)
            measured["ms"].append(1000 * (time.process_time() - started))
            mask = drawn.mask(record)
            if mask is not None and not mask.any():
                found["without lung fields"].append(fields.found)
                continue
            found[name].append(fields.found)
            if mask is not None and mask.shape == film.pixels.shape:
                measured["dice"].append(dice(mask, fields.both))
                measured["recall"].append(float((mask & fields.both).sum() / mask.sum()))
            if record.path.name in boxes:
                measured["box"] += box_overlaps(fields, boxes[record.path.name])
                measured["box_margin"] += box_overlaps(fields, boxes[record.path.name], margin=BOX_MARGIN)
    figures = {
        "dice_mean": round(float(np.mean(measured["dice"])), 4),
        "dice_median": round(float(np.median(measured["dice"])), 4),
        "recall_mean": round(float(np.mean(measured["recall"])), 4),
        "dice_films": len(measured["dice"]),
        "dice_mean_of_films_trained_on": round(float(np.mean(measured["dice_trained"])), 4),
        "box_iou": round(float(np.mean(measured["box"])), 4),
        "box_iou_widened_by_2_percent": round(float(np.mean(measured["box_margin"])), 4),
        "boxes": len(measured["box"]),
        "found": {name: [int(sum(values)), len(values)] for name, values in sorted(found.items())},
        "cpu_ms_a_film_median": round(float(np.median(measured["ms"])), 1),
        "cpu_ms_a_film_p95": round(float(np.quantile(measured["ms"], 0.95)), 1),
    }
    write_result("lungs", figures, weights=lung_network_card()["sha256"])


def trained_dice(records: list[Record], drawn: DrawnMasks) -> list[float]:
    """Return the Dice of each of ``records`` that has a mask with lungs."""
    values = []
    for record in records:
        mask = drawn.mask(record)
        if mask is None or not mask.any():
            continue
        film = read(record.path)
        if mask.shape == film.pixels.shape:
            values.append(dice(mask, segment_lungs(film).both))
    return values


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the Dice coefficient of two masks (H, W) that are not both empty."""
    return 2.0 * float((first & second).sum()) / float(first.sum() + second.sum())


if __name__ == "__main__":
    main()
