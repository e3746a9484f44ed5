from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from covidcxr.core.errors import SourceError, TrainingError
from covidcxr.models.haghanifar2020 import Haghanifar2020
from covidcxr.models.mobilenet_v2 import MobileNetV2
from covidcxr.training.weights import start_weights
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
    with pytest.raises(TrainingError, match=r"does not fit the network: 'dense1.weight' is \(10, 32\), expected"):
        start_weights(Haghanifar2020(size=128), f"{path}#{digest}")


def test_a_file_that_holds_no_tensors_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(b"PK" + bytes(100))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(TrainingError, match=r"is no safetensors file .*save_file"):
        start_weights(Haghanifar2020(size=96), f"{path}#{digest}")


def test_a_classifier_of_other_classes_begins_anew_and_a_colour_stem_is_summed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(0)
    theirs = MobileNetV2(num_classes=2, channels=3, size=32)
    path = tmp_path / "model.safetensors"
    path.write_bytes(save(dict(theirs.state_dict())))
    ours = MobileNetV2(num_classes=3, channels=1, size=32)
    before = ours.classifier.weight.clone()
    start_weights(ours, f"{path}#{hashlib.sha256(path.read_bytes()).hexdigest()}")
    assert "classifier.bias and classifier.weight" in caplog.text
    torch.testing.assert_close(ours.classifier.weight, before)
    images = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval().features(images), theirs.eval().features(images))
