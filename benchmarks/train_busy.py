"""How fast a training is while other programs keep processors busy. Bar: 60 % of the share that is free.

On phantoms in 128 pixels, by the command line as a user starts it. Each other program is an endless loop.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.record import versions, write_result
from covidcxr.core.processors import num_processors
from covidcxr.sources.phantom_films import Kind, draw_film

BAR = 0.6
LOOP = "while True: pass"
KINDS: tuple[Kind, ...] = ("covid", "normal", "pneumonia")
IMAGES = 80  # of each class


def speed(recipe: str, data: Path, out: Path, steps: int) -> float:
    """Return images per second of one training of ``steps`` steps, the first epoch left out."""
    command = ["train", recipe, "--data", str(data), "--out", str(out), "--quiet"]
    changes = [f"training.steps={steps}", "training.epochs=1000", "training.sampling=class"]
    command += [part for change in changes for part in ("--set", change)]
    subprocess.run([sys.executable, "-m", "covidcxr", *command], check=True)
    epochs = json.loads((out / "history.json").read_text(encoding="utf-8"))["epochs"]
    speeds = sorted(epoch["images_per_second"] for epoch in epochs[1:-1])
    return float(speeds[len(speeds) // 2])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    processors = num_processors()
    speeds: dict[int, list[float]] = {0: [], 1: []}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        data = home / "data"
        for kind in KINDS:
            (data / "train" / kind).mkdir(parents=True)
            for number in range(IMAGES):
                pixels = draw_film(np.random.default_rng([number, KINDS.index(kind)]), kind, size=160)
                Image.fromarray(pixels).save(data / "train" / kind / f"{number}.png")
        for number in range(args.rounds):
            for busy, measured in speeds.items():
                others = [subprocess.Popen([sys.executable, "-c", LOOP]) for _ in range(busy)]
                try:
                    measured.append(speed("strong", data, home / f"run-{number}-{busy}", args.steps))
                finally:
                    for other in others:
                        other.kill()
                        other.wait()
    idle, loaded = (sorted(measured)[len(measured) // 2] for measured in speeds.values())
    free = (processors - 1) / processors
    write_result(
        "train_busy",
        {
            "images_per_second": {f"{busy} other programs": measured for busy, measured in speeds.items()},
            "share_of_what_is_free": round(loaded / (idle * free), 2),
            "bar": BAR,
            "processors": processors,
            "free_share": free,
        },
        versions=versions("torch"),
    )
    sys.exit(loaded / (idle * free) < BAR)
