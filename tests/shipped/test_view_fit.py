from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from covidcxr.shipped.marks import fit as marks_fit
from covidcxr.shipped.view import fit as view_fit


def test_the_weights_have_their_place_in_the_package() -> None:
    assert view_fit.WEIGHTS.is_file()
    assert marks_fit.WEIGHTS.is_file()


def test_a_fit_separates_kinds_and_its_weights_are_stored(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    kinds = np.repeat(np.arange(3), 200)
    features = rng.normal(size=(600, 320)).astype(np.float32)
    features[np.arange(600), kinds] += 6.0
    weights = view_fit.ViewFit(features).weights(features, kinds)
    answers = view_fit.probabilities(features, weights)
    assert np.allclose(answers.sum(axis=1), 1.0)
    assert (answers.argmax(axis=1) == kinds).mean() > 0.95
    view_fit.store(weights, tmp_path / "view.safetensors")
    assert set(load_file(tmp_path / "view.safetensors")) == {"matrix", "bias"}


def test_a_collage_holds_several_images_and_a_variant_keeps_its_shape() -> None:
    rng = np.random.default_rng(1)
    pixels = np.full((4, 64, 64), 200, np.uint8)
    assert view_fit.vary(pixels[0], rng).shape == (64, 64)
    rows, columns = view_fit.collage(pixels, np.arange(4), rng).shape
    assert rows * columns >= 2 * 64 * 64
