from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from covidcxr.core.errors import MissingExtraError, RecipeError
from covidcxr.core.types import PreprocessSpec
from covidcxr.explain.methods import METHODS
from covidcxr.models import MODELS
from covidcxr.models.build import build_network, count_parameters
from covidcxr.models.bundle import save_bundle
from covidcxr.models.bundle_info import BundleInfo, NetworkInfo, PreprocessInfo

MONAI = ("densenet121", "densenet201", "resnet50", "se-resnet50", "efficientnet-b0")


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        # with ImageNet's 1000 classes and three channels, as the papers and torchvision's and timm's tables have them
        ("vgg19", {"head": "dense"}, 143_667_240),
        ("densenet121", {}, 7_978_856),
        ("densenet201", {}, 20_013_928),
        ("resnet50", {}, 25_557_032),
        ("se-resnet50", {}, 28_088_024),
        ("efficientnet-b0", {}, 5_288_548),
        ("mobilenet-v2", {}, 3_504_872),
    ],
)
def test_it_has_the_published_number_of_parameters(name: str, options: dict[str, str], expected: int) -> None:
    if name in MONAI:
        pytest.importorskip("monai", reason="the extra `monai` is not installed")
    spec = PreprocessSpec(size=224, channels=3)
    with torch.device("meta"):
        network = build_network(name, num_classes=1000, preprocess=spec, options=options)
    assert network.num_parameters == expected


@pytest.mark.parametrize("name", MONAI)
def test_the_stated_number_of_parameters_is_the_counted_one(name: str) -> None:
    pytest.importorskip("monai", reason="the extra `monai` is not installed")
    with torch.device("meta"):
        network = MODELS.get(name)(num_classes=3, size=224, channels=1)
    assert count_parameters(name) == network.num_parameters


@pytest.mark.parametrize("name", [*MONAI, "vgg19"])
def test_a_size_too_small_for_the_layers_is_refused(name: str) -> None:
    with pytest.raises(RecipeError, match="size 16 is smaller than 32"):
        MODELS.get(name)(num_classes=2, size=16, channels=1)


def test_a_size_that_is_no_multiple_of_the_strides_is_taken() -> None:
    pytest.importorskip("monai", reason="the extra `monai` is not installed")
    spec = PreprocessSpec(size=75)
    for name in ("densenet121", "efficientnet-b0", "vgg19", "mobilenet-v2"):
        network = build_network(name, num_classes=2, preprocess=spec, options={}).eval()
        assert network(torch.rand(1, 1, 75, 75)).shape == (1, 2)


def test_without_monai_the_error_names_the_extra_and_the_list_is_still_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == "monai"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "monai", None)
    with pytest.raises(MissingExtraError, match=r"covidcxr\[monai\]"):
        build_network("resnet50", num_classes=2, preprocess=PreprocessSpec(size=32), options={})
    assert count_parameters("resnet50") == 23_507_907


def test_a_bundle_of_one_is_saved_loaded_and_exported(tmp_path: Path) -> None:
    pytest.importorskip("monai", reason="the extra `monai` is not installed")
    pytest.importorskip("onnxscript", reason="the extra `export` is not installed")
    from covidcxr.export.exporter import export_bundle

    torch.manual_seed(0)
    spec = PreprocessSpec(size=64)
    network = build_network("efficientnet-b0", num_classes=3, preprocess=spec, options={}).eval()
    info = BundleInfo(
        name="b0",
        network=NetworkInfo(name="efficientnet-b0", num_parameters=network.num_parameters),
        classes=("COVID-19", "Normal", "Pneumonia"),
        preprocess=PreprocessInfo(size=64),
    )
    bundle = save_bundle(tmp_path / "bundle", network, info)
    image = torch.rand(1, 1, 64, 64)
    torch.testing.assert_close(bundle.network()(image), network(image))
    assert export_bundle(bundle.folder, "onnx").path.is_file()


def test_a_heat_map_follows_the_spatial_map_of_one() -> None:
    pytest.importorskip("monai", reason="the extra `monai` is not installed")
    torch.manual_seed(0)
    network = build_network("resnet50", num_classes=3, preprocess=PreprocessSpec(size=96), options={})
    heat = METHODS.get("grad-cam")().attribute(network.eval(), torch.rand(2, 1, 96, 96), torch.tensor([0, 2]))
    assert heat.shape == (2, 3, 3)
    assert torch.isfinite(heat).all()


class FakeTimm(nn.Module):
    """What is used of a network of timm."""

    num_features = 5

    def __init__(self, channels: int, classes: int, *, flat: bool) -> None:
        super().__init__()
        self.stem, self.head, self.flat = nn.Conv2d(channels, 5, 3, stride=8), nn.Linear(5, classes), flat

    def forward_features(self, images: Tensor) -> Tensor:
        features: Tensor = self.stem(images)
        return features.flatten(2) if self.flat else features

    def forward_head(self, features: Tensor) -> Tensor:
        logits: Tensor = self.head(features.mean((2, 3)))
        return logits


def fake_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    def create_model(name: str, *, pretrained: bool, num_classes: int, in_chans: int) -> FakeTimm:
        assert not pretrained
        if name.startswith("no"):
            raise RuntimeError(f"Unknown model ({name})")
        return FakeTimm(in_chans, num_classes, flat=name.startswith("vit"))

    module = ModuleType("timm")
    module.create_model = create_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "timm", module)


def test_a_network_of_timm_keeps_to_the_same_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_timm(monkeypatch)
    spec = PreprocessSpec(size=32, channels=3)
    network = build_network("timm:convnet", num_classes=4, preprocess=spec, options={})
    logits, features = network.forward_with_features(torch.rand(2, 1, 32, 32))
    assert (logits.shape, features.shape) == ((2, 4), (2, 5, 4, 4))
    with pytest.raises(RecipeError, match="timm:nonet: timm cannot build it: Unknown model"):
        build_network("timm:nonet", num_classes=4, preprocess=spec, options={})
    with pytest.raises(RecipeError, match=r"timm:vit: its last map has the shape \(2, 5, 16\)"):
        build_network("timm:vit", num_classes=4, preprocess=spec, options={})(torch.rand(2, 3, 32, 32))


def test_without_timm_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match=r"torchvision that fits torch.*covidcxr\[timm\]"):
        build_network("timm:resnet18", num_classes=2, preprocess=PreprocessSpec(size=32), options={})
