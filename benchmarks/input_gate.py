"""What the gate refuses: unseen pictures of many kinds, turned and inverted images; and what it wrongly refuses."""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import cv2
import numpy as np

from benchmarks.record import write_result
from covidcxr.core.errors import ImageReadError
from covidcxr.core.types import Radiograph, View
from covidcxr.imaging import gate_kinds
from covidcxr.imaging.gate.gate import gate_film
from covidcxr.imaging.reading import read
from covidcxr.shipped.lungs.data import is_held_out
from covidcxr.shipped.not_radiographs import is_kept_unseen, scikit_image_pictures
from covidcxr.sources.lookup import locate_sources, read_source

Named = tuple[str, Radiograph]


def unseen_pictures(count: int, extra: Path | None) -> Iterator[Named]:
    """Yield crops of the photographs that were kept from training, drawn charts, pages, and a folder's pictures."""
    generator = np.random.default_rng(11)
    photographs = [
        cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in scikit_image_pictures() if is_kept_unseen(path)
    ]
    for photograph in photographs:
        if photograph is None or min(photograph.shape) < 80:
            continue
        for _ in range(max(1, count // len(photographs))):
            side = int(generator.uniform(0.4, 1.0) * min(photograph.shape))
            top = int(generator.integers(photograph.shape[0] - side + 1))
            left = int(generator.integers(photograph.shape[1] - side + 1))
            yield "photograph", _film(photograph[top : top + side, left : left + side])
    for number in range(count):
        yield "chart", read(_chart(generator, number), origin="chart")
    if extra is not None:
        for path in sorted([*extra.rglob("*.png"), *extra.rglob("*.jpg")])[: 4 * count]:
            try:
                yield "page-or-screenshot", read(path)
            except ImageReadError:
                continue


def _film(pixels: np.ndarray) -> Radiograph:
    return Radiograph(pixels=np.ascontiguousarray(pixels).astype(np.float32) / np.float32(255), origin="picture")


def _chart(generator: np.random.Generator, number: int) -> bytes:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(4, 3), facecolor="black" if number % 4 == 3 else "white")
    values = generator.random((6, 8))
    kinds = (
        lambda: axes.imshow(values, cmap="gray"),
        lambda: axes.plot(values),
        lambda: axes.bar(range(8), values[0]),
        lambda: axes.pie(values[0]),
        lambda: axes.scatter(values[0], values[1]),
        lambda: axes.contourf(values, cmap="gray"),
        lambda: axes.text(0.1, 0.5, "chest radiograph, no finding", fontsize=18),
    )
    kinds[number % len(kinds)]()
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=int(generator.integers(60, 160)))
    plt.close(figure)
    return stream.getvalue()


def films(sources: Path, count: int, *, only: str = "") -> Iterator[tuple[str, Radiograph]]:
    """Yield images of held-out patients: (source, image) for frontal ones, ("lateral" or "ct", image) for the others.

    Of the source ``only``, every frontal image, whoever's.
    """
    for name in [only] if only else locate_sources(sources):
        records = read_source(name, sources).records
        special = [r for r in records if r.view in (View.LATERAL, View.CT) or r.modality == "CT"]
        frontal = [r for r in records if r not in special and (only or is_held_out(r.patient_id or r.record_id))]
        order = np.random.default_rng(5).permutation(len(frontal))[:count]
        for record in [*(frontal[index] for index in order), *special]:
            kind = name
            if record in special:
                kind = "lateral" if record.view is View.LATERAL else "ct"
                kind += " (held out)" if is_held_out(record.patient_id or record.record_id) else " (trained on)"
            try:
                yield kind, read(record.path)
            except ImageReadError:
                continue


def main() -> None:
    """Judge everything and write how much of each kind was refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, default=None, help="a folder of more pictures that are no images")
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument(
        "--left-out",
        action="append",
        default=[],
        metavar="SOURCE=WEIGHTS",
        help="weights made by `covidcxr train-gate --leave-out SOURCE`: also judge that source's images with them",
    )
    options = parser.parse_args()
    refused: dict[str, list[bool]] = {}
    seconds: list[float] = []

    def judge(kind: str, film: Radiograph) -> None:
        started = time.process_time()
        refused.setdefault(kind, []).append(gate_film(film).verdict == "refuse")
        seconds.append(time.process_time() - started)

    for kind, picture in unseen_pictures(options.count, options.pictures):
        judge(kind, picture)
    turned = 0
    for kind, film in films(options.sources, options.count):
        judge(kind, film)
        if "(" in kind or turned >= 2 * options.count:
            continue
        turned += 1
        pixels = (film.pixels * 255).astype(np.uint8)
        judge("inverted", _film(255 - pixels))
        for quarters in (1, 2, 3):
            judge(f"turned by {90 * quarters}", _film(np.rot90(pixels, quarters)))
    for given in options.left_out:
        name, _, weights = given.partition("=")
        network = gate_kinds.read_network(Path(weights))
        training = json.loads((Path(weights) / "gate.json").read_text())["training"]
        if any(seen.startswith(f"{name}/") for seen in training):
            parser.error(f"{weights}: was trained on {name}; make it with covidcxr train-gate --leave-out {name}")
        with mock.patch.object(gate_kinds, "shipped_network", return_value=network):
            for kind, film in films(options.sources, options.count, only=name):
                if "(" not in kind:
                    judge(f"{name}, left out of the training", film)
    figures = {kind: {"refused": int(sum(values)), "of": len(values)} for kind, values in sorted(refused.items())}
    write_result("input_gate", figures, cpu_ms_a_film_median=round(1000 * float(np.median(seconds)), 1))


if __name__ == "__main__":
    main()
