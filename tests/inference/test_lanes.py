"""An answer depends on its image alone: not on the batch, its place in it, or the number of threads."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import bundles
from covidcxr.export.exporter import export_bundle
from covidcxr.inference.backends.lanes import Lanes
from covidcxr.inference.predictor import Predictor
from covidcxr.models.bundle import Bundle

LOGITS = """
import hashlib, sys
import numpy as np
from covidcxr.inference.predictor import Predictor
predictor = Predictor.load(sys.argv[1], backend=sys.argv[2], device="cpu", gated=False)
images = np.load(sys.argv[3])
print(hashlib.sha256(predictor.logits(images).tobytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    pytest.importorskip("onnxscript", reason="the extra `export` is not installed")
    made = bundles.tiny_bundle(tmp_path_factory.mktemp("run") / "bundle")
    export_bundle(made.folder, "onnx")
    return Bundle.load(made.folder)


def images_for(predictor: Predictor, num: int) -> np.ndarray:
    size = predictor.spec.size
    unit = np.random.default_rng(5).random((num, 1, size, size), np.float32)
    return (unit - np.float32(predictor.spec.mean)) / np.float32(predictor.spec.std)


@pytest.mark.parametrize("backend", ["torch", "onnxruntime"])
def test_an_image_has_the_same_logits_in_every_batch_and_place(bundle: Bundle, backend: str) -> None:
    predictor = Predictor.load(bundle.folder, backend=backend, device="cpu", gated=False)
    images = images_for(predictor, 19)
    whole = predictor.logits(images)
    assert np.array_equal(whole, np.concatenate([predictor.logits(image[None]) for image in images]))
    assert np.array_equal(whole[::-1], predictor.logits(np.ascontiguousarray(images[::-1])))


@pytest.mark.parametrize("backend", ["torch", "onnxruntime"])
def test_the_number_of_threads_changes_no_bit(bundle: Bundle, backend: str, tmp_path: Path) -> None:
    predictor = Predictor.load(bundle.folder, backend=backend, device="cpu", gated=False)
    images = images_for(predictor, 11)
    np.save(tmp_path / "images.npy", images)
    here = hashlib.sha256(predictor.logits(images).tobytes()).hexdigest()
    for threads in ("1", "2", "4"):
        command = [sys.executable, "-c", LOGITS, str(bundle.folder), backend, str(tmp_path / "images.npy")]
        environment = {**os.environ, "OMP_NUM_THREADS": threads}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == here, f"{threads} threads"


def test_torch_keeps_the_threads_of_everyone_else(bundle: Bundle) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        Predictor.load(bundle.folder, backend="torch", device="cpu", gated=False)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_a_call_is_filled_up_and_the_filling_is_not_returned() -> None:
    shapes: list[tuple[int, ...]] = []

    def run(images: np.ndarray) -> np.ndarray:
        shapes.append(images.shape)
        return images.mean(axis=(1, 2, 3))[:, None]

    images = np.arange(5, dtype=np.float32).reshape(5, 1, 1, 1)
    assert Lanes(run, size=2).logits(images)[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert shapes == [(2, 1, 1, 1)] * 3
