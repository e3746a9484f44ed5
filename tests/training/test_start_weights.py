from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from covidcxr.core.errors import SourceError, TrainingError
from covidcxr.models.haghanifar2020 import Haghanifar2020
from covidcxr.training.weights import start_weights

sys.path.insert(0, str(Path(__file__).parents[1] / "sources"))
from http_origin import Origin, serving


def test_weights_by_address_are_downloaded_once_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVIDCXR_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    wanted = Haghanifar2020(size=96)
    data = save(dict(wanted.state_dict()))
    digest = hashlib.sha256(data).hexdigest()
    with serving(Origin(files={"/model.safetensors": data})) as origin:
        for _ in range(2):
            network = Haghanifar2020(size=96)
            start_weights(network, f"{origin.url}/model.safetensors#{digest}")
            torch.testing.assert_close(network.state_dict(), wanted.state_dict())
        assert len(origin.requests) == 1
        with pytest.raises(SourceError, match="SHA-256"):
            start_weights(network, f"{origin.url}/model.safetensors#{'0' * 64}")
        with pytest.raises(TrainingError, match="without its SHA-256"):
            start_weights(network, f"{origin.url}/model.safetensors")


def test_a_file_is_taken_only_with_its_hash_and_its_shapes(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(save(dict(Haghanifar2020(size=96).state_dict())))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    start_weights(Haghanifar2020(size=96), f"{path}#{digest}")
    with pytest.raises(TrainingError, match="to trust it") as found:
        start_weights(Haghanifar2020(size=96), str(path))
    assert digest in str(found.value)
    with pytest.raises(TrainingError, match="does not fit"):
        start_weights(Haghanifar2020(size=128), f"{path}#{digest}")
