"""A tiny bundle for the tests of inference and export."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from covidcxr.core.types import PreprocessSpec
from covidcxr.models.build import build_network
from covidcxr.models.bundle import Bundle, save_bundle
from covidcxr.models.bundle_info import BundleInfo, NetworkInfo, PreprocessInfo

CLASSES = ("COVID-19", "Normal", "Pneumonia")


def tiny_bundle(folder: Path, *, seed: int = 0, gain: float = 40.0, **fields: object) -> Bundle:
    """Save a network of 16 pixels whose outputs differ clearly from image to image; ``fields`` go to its `BundleInfo`.

    It is synthetic unless ``fields`` say otherwise, so that no gate refuses the tests' images, which are none.
    """
    torch.manual_seed(seed)
    spec = PreprocessSpec(size=16, channels=3)
    network = build_network("zhong2020", num_classes=3, preprocess=spec, options={"pooling": "average"})
    with torch.no_grad():
        *_, last = (module for module in network.modules() if isinstance(module, torch.nn.Linear))
        last.weight.mul_(gain)
    info = BundleInfo(
        name="tiny",
        network=NetworkInfo(name="zhong2020", options={"pooling": "average"}, num_parameters=network.num_parameters),
        classes=CLASSES,
        preprocess=PreprocessInfo(size=16, channels=3),
        **({"synthetic": True} | fields),  # type: ignore[arg-type]
    )
    return save_bundle(folder, network, info)


def film(seed: int, side: int = 40) -> np.ndarray:
    """Return a uint8 (side, side) image of its own for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def png(seed: int) -> bytes:
    """Return an image as PNG."""
    stream = io.BytesIO()
    Image.fromarray(film(seed)).save(stream, "PNG")
    return stream.getvalue()
