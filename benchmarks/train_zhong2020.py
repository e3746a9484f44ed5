"""One epoch of zhong2020 (163 steps of 32) by ``train`` itself, beside Keras on TensorFlow, on the same cores.

    python -m benchmarks.train_zhong2020 --data DATASET --tensorflow-python /path/to/venv/bin/python

DATASET is one that ``covidcxr compile zhong2020`` wrote. Ours is the rate of the whole loop: loading, augmentation,
step, TensorBoard; the epoch's seconds add the look at the validation part and the checkpoint's wait is outside. The
peer is timed twice, in float32 (its default) and in bfloat16, and ours is compared with the faster.

Where the time goes, and the limit. Figures are for an AMD EPYC of the Zen 4 generation, two cores, AVX512-BF16,
whose bfloat16 multiply-accumulate peak is 408 GFLOP/s and whose memory moves 50 GB/s:

- convolutions, forward 22 GFLOP and backward 44: 162 ms at peak; 151 ms measured (302 core-milliseconds), because
  the clock rises with one core busy. They are 60 % of a step.
- dense layers, 12 GFLOP: 29 ms at peak; about 40 ms measured (80 core-milliseconds), because with a batch of 32
  rows the packing of the weights, done anew for every product, is not small beside the product.
- Adam: 62 million weights, read and written with both moments in float32, are 1.5 GB, 30 ms at the memory's speed;
  28 ms measured, on one core or on two.
- ELU, pooling and the rest: about 20 ms.

The parts add up to about 240 ms a step, 39 s an epoch; with every product at peak it would be 220 ms, 36 s. See
results/ for what was measured. What the loop does to come near it: the weight gradient of the dense layers, 248 MB, is
never stored (`covidcxr.training.factored`); pooling comes before ELU; the three equal input channels are one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.record import versions, write_result
from covidcxr.core.recipe_toml import load_recipe
from covidcxr.models.history import read_history
from covidcxr.training.fit import train

STEPS, BATCH = 163, 32
PEER = Path(__file__).parent / "peers" / "keras_zhong2020.py"


def our_epoch(data: Path, *, steps: int) -> dict[str, Any]:
    """Train ``steps`` steps of the recipe and return what the history says of them."""
    recipe = load_recipe("zhong2020", ["training.epochs=1", f"training.steps={steps}"])
    with tempfile.TemporaryDirectory() as folder:
        warm_up = load_recipe("zhong2020", ["training.epochs=1", "training.steps=5"])
        train(warm_up, data, Path(folder) / "warm", device="cpu")
        train(recipe, data, Path(folder) / "run", device="cpu")
        history = read_history(Path(folder) / "run" / "history.json")
    assert history is not None
    epoch = history.epochs[0]
    validation_seconds = epoch.seconds - steps * BATCH / epoch.images_per_second
    epoch_seconds = STEPS * BATCH / epoch.images_per_second
    return {
        "seconds_per_step": BATCH / epoch.images_per_second,
        "epoch_seconds": epoch_seconds,
        "epoch_seconds_with_validation": epoch_seconds + validation_seconds,
        "steps_timed": steps,
    }


def peer_epoch(python: str, *, precision: str, steps: int) -> dict[str, Any]:
    """Train the same network by Keras in another interpreter and return its own figures."""
    done = subprocess.run(
        [python, str(PEER), "--precision", precision, "--steps", str(steps)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
    )
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return {**figures, "epoch_seconds": STEPS * figures["seconds_per_step"]}


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="dataset compiled by the recipe zhong2020")
    parser.add_argument("--tensorflow-python", default="", help="interpreter that has tensorflow-cpu and keras")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--peer-steps", type=int, default=40)
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    if arguments.tensorflow_python:
        for precision in ("float32", "mixed_bfloat16"):
            figures[f"keras_{precision}"] = peer_epoch(
                arguments.tensorflow_python, precision=precision, steps=arguments.peer_steps
            )
    figures["covidcxr"] = our_epoch(arguments.data, steps=arguments.steps)
    peers = {name: entry["seconds_per_step"] for name, entry in figures.items() if name.startswith("keras")}
    if peers:
        ours = figures["covidcxr"]["seconds_per_step"]
        figures["times_keras_default"] = peers["keras_float32"] / ours
        figures["times_fastest_keras"] = min(peers.values()) / ours
    write_result(
        "train_zhong2020", figures, target="at most 40 s an epoch; at least 2 times Keras", **versions("torch")
    )


if __name__ == "__main__":
    main()
