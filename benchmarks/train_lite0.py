"""Images a second in training efficientnet-lite0 at 128 pixels, beside plain torch and Keras, and where the time goes.

    python -m benchmarks.train_lite0 --data DATASET --tensorflow-python /path/to/venv/bin/python

DATASET is one that ``covidcxr compile strong`` wrote. The arms take turns, round by round, on the same cores, all with
batches of 64 images of the training split, augmented:

- ``covidcxr``: `Loop` itself, as ``train`` runs it, by the rate of its epoch: reading, augmentation, step, averaged
  weights, scores, curves.
- ``covidcxr, two stages frozen``: the same with stem and first two stages as ImageNet left them, as `robust` has them.
- ``torch``: the same layers as `torch.nn.Conv2d`, `torch.nn.BatchNorm2d` and `torch.nn.ReLU6` give them, in bfloat16
  autocast and channels-last, AdamW, the same augmentation.
- ``keras``: Keras' EfficientNetB0 (it has no Lite; B0 adds squeeze-and-excitation and swish) in another interpreter, in
  float32, its default, and in bfloat16.

The profile is of one of our steps, on one core: seconds of each kind of operation by `torch.profiler`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from benchmarks.record import versions, write_result
from covidcxr.core.progress import SILENT
from covidcxr.core.recipe import Recipe
from covidcxr.core.recipe_toml import load_recipe
from covidcxr.dataset.dataset import Dataset
from covidcxr.dataset.packed import PackedImages
from covidcxr.models.efficientnet_lite import ConvNorm, EfficientNetLite0
from covidcxr.models.history import read_history
from covidcxr.training.augment import augment
from covidcxr.training.fit import train
from covidcxr.training.loading import finish_images, load_parts, step_generator, unit_images

BATCH = 64
FROZEN = "covidcxr, two stages frozen"
PEER = Path(__file__).parent / "peers" / "keras_lite0.py"
_KINDS = (  # the first whose words are all in an operation's name or shapes
    ("augmentation", ("augmentation",)),
    ("optimiser", ("optimiser",)),
    ("batch norm", ("batch_norm",)),
    ("ReLU6", ("hardtanh",)),
    ("depthwise, backward", ("_DepthwiseBackward",)),
    ("depthwise, forward", ("_Depthwise",)),
    ("pointwise and stem, backward", ("convolution_backward",)),
    ("pointwise and stem, forward", ("convolution",)),
)


class PlainConvNorm(nn.Module):
    """What a user of torch writes for a `ConvNorm`."""

    def __init__(self, ours: ConvNorm, *, inputs: int) -> None:
        super().__init__()
        groups = inputs if ours.depthwise else 1
        outputs = len(ours.weight)
        self.convolution = nn.Conv2d(
            inputs, outputs, ours.kernel, ours.stride, padding=ours.kernel // 2, groups=groups, bias=False
        )
        self.norm = nn.BatchNorm2d(outputs)
        self.activation = nn.ReLU6() if ours.activate else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Return convolution, normalisation and activation of (N, inputs, H, W)."""
        result: Tensor = self.activation(self.norm(self.convolution(images)))
        return result


def plain_network() -> nn.Module:
    """Return efficientnet-lite0 with torch's own layers."""
    network = EfficientNetLite0(size=128)
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, ConvNorm):
                inputs = len(child.weight) if child.depthwise else child.weight.shape[1]
                setattr(parent, name, PlainConvNorm(child, inputs=inputs))
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def batch(packed: PackedImages, recipe: Recipe, step: int) -> tuple[Tensor, Tensor]:
    """Return the images and labels of one step, augmented as the recipe says."""
    spec = recipe.network.preprocess.spec()
    rows = np.arange(step * BATCH, (step + 1) * BATCH) % len(packed.labels)
    generator = step_generator(0, 0, step, "augmentation")
    images = finish_images(augment(unit_images(packed, rows, spec), recipe.training.augment, generator), spec)
    return images.contiguous(memory_format=torch.channels_last), torch.from_numpy(packed.labels[rows])


def torch_rate(packed: PackedImages, recipe: Recipe, *, steps: int) -> float:
    """Return the images per second of a plain loop, without its first two steps."""
    network = plain_network().train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=2e-2)
    started = 0.0
    for step in range(steps + 2):
        if step == 2:
            started = time.perf_counter()
        images, labels = batch(packed, recipe, step)
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = functional.cross_entropy(network(images).float(), labels)
        loss.backward()
        optimizer.step()
    return steps * BATCH / (time.perf_counter() - started)


def our_rate(data: Path, *, steps: int, frozen_stages: int = 0) -> float:
    """Return the images per second that ``train`` itself reports of an epoch of ``steps`` steps."""
    changes = [f"training.batch_size={BATCH}", "training.epochs=1", f"training.steps={steps}"]
    recipe = load_recipe("strong", [*changes, f"network.options.frozen_stages={frozen_stages}"])
    with tempfile.TemporaryDirectory() as folder:
        train(recipe, data, Path(folder), device="cpu")
        history = read_history(Path(folder) / "history.json")
    assert history is not None
    return history.epochs[0].images_per_second


def keras_rate(python: str, images: Path, *, precision: str, steps: int) -> dict[str, Any]:
    """Train Keras' network in another interpreter and return its own figures."""
    done = subprocess.run(
        [python, str(PEER), str(images), "--batch", str(BATCH), "--steps", str(steps), "--precision", precision],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
    )
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def step_profile(packed: PackedImages, recipe: Recipe) -> dict[str, float]:
    """Return milliseconds of one of our steps by kind of operation, on one core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    network = EfficientNetLite0(size=128).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=2e-2, fused=True)

    def step(number: int) -> None:
        with torch.profiler.record_function("augmentation"):
            images, labels = batch(packed, recipe, number)
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = functional.cross_entropy(network(images).float(), labels)
        loss.backward()
        with torch.profiler.record_function("optimiser"):
            optimizer.step()

    step(0)
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        step(1)
    torch.set_num_threads(threads)
    return by_kind(seen.events())


def by_kind(events: Any) -> dict[str, float]:
    """Return milliseconds by kind of operation; an operation counts where its outermost caller of a kind does."""
    totals: dict[str, float] = defaultdict(float)
    for event in events:
        name, caller = "", event
        while caller is not None:
            name = kind_of(caller.name) or name
            caller = caller.cpu_parent
        totals[name or "the rest"] += event.self_cpu_time_total / 1000
    return {name: round(totals[name], 1) for name in sorted(totals, key=lambda name: -totals[name])}


def kind_of(operation: str) -> str:
    """Return the kind of an operation by its name; empty if it is of none."""
    return next((kind for kind, words in _KINDS if all(word in operation for word in words)), "")


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="dataset compiled by the recipe strong")
    parser.add_argument("--tensorflow-python", default="", help="interpreter that has tensorflow-cpu and keras")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40)
    arguments = parser.parse_args()
    recipe = load_recipe("strong")
    dataset = Dataset.open(arguments.data, classes=recipe.dataset.classes)
    packed = load_parts(recipe, dataset, progress=SILENT).train
    rates: dict[str, list[float]] = defaultdict(list)
    arms: dict[str, Callable[[], float]] = {
        "torch": lambda: torch_rate(packed, recipe, steps=arguments.steps),
        "covidcxr": lambda: our_rate(arguments.data, steps=arguments.steps),
        FROZEN: lambda: our_rate(arguments.data, steps=arguments.steps, frozen_stages=2),
    }
    keras: dict[str, Any] = {}
    our_rate(arguments.data, steps=3)  # what only a first step does
    for _ in range(arguments.rounds):
        for name, measure in arms.items():
            rates[name].append(round(measure(), 1))
        for precision in ("float32", "mixed_bfloat16") if arguments.tensorflow_python else ():
            found = keras_rate(arguments.tensorflow_python, packed.path, precision=precision, steps=arguments.steps)
            rates[f"keras_{precision}"].append(round(found["images_per_second"], 1))
            keras = {key: found[key] for key in ("parameters", "tensorflow", "keras")}
    medians = {name: statistics.median(values) for name, values in rates.items()}
    figures: dict[str, Any] = {
        "images_per_second": medians,
        "rounds": dict(rates),
        "times_plain_torch": {name: medians[name] / medians["torch"] for name in ("covidcxr", FROZEN)},
        "keras": keras,
        "milliseconds_of_a_step_on_one_core": step_profile(packed, recipe),
    }
    peers = [rate for name, rate in medians.items() if name.startswith("keras")]
    if peers:
        figures["times_fastest_keras"] = medians["covidcxr"] / max(peers)
    write_result("train_lite0", figures, target="at least 162 images per second, 3 times 54", **versions("torch"))


if __name__ == "__main__":
    main()
