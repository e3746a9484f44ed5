"""A bundle's network as audits see it gives what the network itself gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from covidcxr.audit.judge import BundleJudge
from covidcxr.core.types import PreprocessSpec
from covidcxr.imaging.preprocess import finish
from covidcxr.models.build import build_network
from covidcxr.models.bundle import Bundle, save_bundle
from covidcxr.models.bundle_info import BundleInfo, NetworkInfo, PreprocessInfo

PREPROCESS = {"size": 96, "channels": 1, "intensity": "standardize", "mean": 0.4, "std": 0.2}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    torch.manual_seed(0)
    network = build_network("haghanifar2020", num_classes=3, preprocess=PreprocessSpec(**PREPROCESS), options={})
    info = BundleInfo(
        name="tiny",
        network=NetworkInfo(name="haghanifar2020", num_parameters=network.num_parameters),
        classes=("a", "b", "c"),
        preprocess=PreprocessInfo(**PREPROCESS),
        temperature=0.5,
    )
    return save_bundle(tmp_path_factory.mktemp("bundles") / "bundle", network, info)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (70, 96, 96), dtype=np.uint8)


def test_probabilities_are_the_calibrated_softmax_of_the_preprocessed_images(
    bundle: Bundle, images: np.ndarray
) -> None:
    inputs = np.stack([finish(image.astype(np.float32) / 255, bundle.info.preprocess.spec()) for image in images])
    with torch.inference_mode():
        expected = torch.softmax(bundle.network()(torch.from_numpy(inputs)) / 0.5, dim=1).numpy()
    np.testing.assert_allclose(BundleJudge(bundle, device="cpu").probabilities(images), expected, atol=0.01)


def test_features_are_one_row_an_image_and_the_same_in_any_company(bundle: Bundle, images: np.ndarray) -> None:
    judge = BundleJudge(bundle, device="cpu")
    features = judge.features(images)
    assert features.shape[0] == 70
    np.testing.assert_allclose(judge.features(images[:3]), features[:3], rtol=0.05, atol=0.02)
    np.testing.assert_array_equal(judge.features(images), features)


def test_the_folder_of_a_bundle_says_where_it_runs(bundle: Bundle) -> None:
    assert BundleJudge(Bundle.load(Path(bundle.folder)), device="cpu").device.startswith("cpu, ")
