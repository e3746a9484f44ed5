from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from covidcxr.core.errors import BundleError
from covidcxr.core.types import Radiograph
from covidcxr.inference.predictor import Predictor
from covidcxr.models.bundle import Bundle, refresh_sums, write_sums
from covidcxr.models.bundle_info import FORMAT_VERSION

HERE = Path(__file__).parent
# What the release that wrote the bundle said of `film`; weights are rounded random ones, kept once, with format 1.
PROBABILITIES = dict.fromkeys((1, 2, 3), (0.474499, 0.525501))
LABELS = dict.fromkeys(
    (1, 2, 3)
)  # until 0.1.0 "COVID-19" and "Normal": sets of none or of several classes name no class now
SETS = {1: ("COVID-19", "Normal"), 2: (), 3: ()}  # until 0.1.0 the most probable class was in every set: 2: ("Normal",)
RELEASES = {1: "0.1.0.dev0", 2: "0.1.0", 3: "0.1.0"}


def film() -> Radiograph:
    y, x = np.mgrid[0:64, 0:48].astype(np.float32)
    return Radiograph(pixels=((x * 5 + y * 3) % 97 / 96).astype(np.float32), origin="ramp")


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION + 1))
def test_a_bundle_of_every_format_version_predicts_what_it_did(version: int, tmp_path: Path) -> None:
    folder = shutil.copytree(HERE / f"bundle-format-{version}", tmp_path / "bundle")
    if version > 1:
        shutil.copy(HERE / "bundle-format-1" / "model.safetensors", folder)
    predictor = Predictor.load(folder, backend="torch", device="cpu", gated=False)
    prediction = predictor.predict_one(film())
    assert prediction.probabilities == pytest.approx(PROBABILITIES[version], abs=1e-5)
    assert (prediction.label, prediction.prediction_set) == (LABELS[version], SETS[version])
    assert predictor.bundle.info.release == RELEASES[version]


def test_a_newer_format_is_refused_by_its_version_whatever_else_is_new(tmp_path: Path) -> None:
    folder = shutil.copytree(HERE / "bundle-format-1", tmp_path / "bundle")
    document = json.loads((folder / "bundle.json").read_text())
    document |= {"format_version": FORMAT_VERSION + 1, "what_nobody_knows_yet": 1}
    (folder / "bundle.json").write_text(json.dumps(document))
    write_sums(folder)
    with pytest.raises(BundleError, match="update covidcxr"):
        Bundle.load(folder)
    with pytest.raises(BundleError, match="update covidcxr"):
        refresh_sums(folder)
