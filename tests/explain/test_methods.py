"""Every method against networks whose right answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from covidcxr.core.errors import ExplainError, MissingExtraError
from covidcxr.explain.methods import METHODS
from covidcxr.models import MODELS
from covidcxr.models.network import ChestNetwork

CAMS = [name for name, method in METHODS.items() if method.needs_map]


class BrightCorner(ChestNetwork):
    """Class 1 is how bright the image is where it is brighter than half; nothing else counts."""

    def __init__(self) -> None:
        super().__init__(num_classes=2, size=32, channels=1)
        self.pool = nn.AvgPool2d(4)

    def forward_with_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = torch.relu(self.pool(images) - 0.5)
        score = features.mean(dim=(1, 2, 3))
        return torch.stack([-score, score], dim=1), features


class NoMap(BrightCorner):
    def forward_with_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        logits, _ = super().forward_with_features(images)
        return logits, images.flatten(1)


class UnusedMap(BrightCorner):
    def forward_with_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        logits, _ = super().forward_with_features(images)
        return logits, torch.relu(images)


def _film() -> Tensor:
    film = torch.zeros(2, 1, 32, 32)
    film[:, :, 20:28, 4:12] = 1.0
    return film


@pytest.mark.parametrize("name", METHODS.names())
def test_the_method_points_at_the_only_thing_that_counts(name: str) -> None:
    maps = METHODS.get(name)().attribute(BrightCorner().eval(), _film(), torch.tensor([1, 1]))
    assert maps.shape[0] == 2
    size = maps.shape[1]
    heat = maps[0].clamp(min=0).detach().numpy()
    inside = heat[20 * size // 32 : 28 * size // 32, 4 * size // 32 : 12 * size // 32]
    assert heat.sum() > 0
    assert inside.sum() / heat.sum() > (0.6 if name == "occlusion" else 0.95)


@pytest.mark.parametrize("name", METHODS.names())
def test_what_speaks_for_one_class_speaks_against_the_other(name: str) -> None:
    maps = METHODS.get(name)().attribute(BrightCorner().eval(), _film(), torch.tensor([1, 0]))
    if name == "grad-cam++":  # takes positive gradients only, so nothing is left for the other class
        assert not maps[1].any()
    else:
        assert maps[0].sum() > 0 > maps[1].sum()


@pytest.mark.parametrize("name", CAMS)
@pytest.mark.parametrize("network", [NoMap, UnusedMap])
def test_a_network_without_a_usable_map_is_told_which_method_works(name: str, network: type[ChestNetwork]) -> None:
    with pytest.raises(ExplainError, match="integrated-gradients"):
        METHODS.get(name)().attribute(network().eval(), _film(), torch.tensor([1, 1]))


@pytest.mark.parametrize("name", [name for name in METHODS.names() if name not in CAMS])
def test_the_methods_it_is_told_do_work_without_a_map(name: str) -> None:
    maps = METHODS.get(name)().attribute(NoMap().eval(), _film(), torch.tensor([1, 1]))
    assert maps[0, 20:28, 4:12].sum() > 0.5 * maps[0].clamp(min=0).sum()


def test_integrated_gradients_add_up_to_the_difference_of_the_logits() -> None:
    network, film = BrightCorner().eval(), _film()
    maps = METHODS.get("integrated-gradients")().attribute(network, film, torch.tensor([1, 1]))
    start = film.mean(dim=(1, 2, 3), keepdim=True).expand_as(film)
    difference = network(film)[:, 1] - network(start)[:, 1]
    assert maps.sum(dim=(1, 2)).numpy() == pytest.approx(difference.detach().numpy(), rel=0.1)


class OneLayer(ChestNetwork):
    """A convolution, its map, and a linear classifier of the map's mean."""

    def __init__(self) -> None:
        super().__init__(num_classes=3, size=24, channels=1)
        self.layer = nn.Conv2d(1, 6, 5, stride=2)
        self.classifier = nn.Linear(6, 3)

    def forward_with_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.layer(images)
        return self.classifier(torch.tanh(features).mean(dim=(2, 3))), features


def test_grad_cam_is_what_captum_makes_of_the_named_layer() -> None:
    from captum.attr import LayerGradCam

    torch.manual_seed(0)
    network, film, targets = OneLayer().eval(), torch.rand(3, 1, 24, 24), torch.tensor([0, 1, 2])
    maps = METHODS.get("grad-cam")().attribute(network, film, targets)
    found = LayerGradCam(network, network.layer).attribute(film, target=targets)
    assert torch.allclose(maps, found[:, 0].detach(), atol=1e-7)


@pytest.mark.parametrize("model", MODELS.names())
def test_every_network_of_the_zoo_is_explained_without_naming_a_layer(model: str) -> None:
    torch.manual_seed(0)
    network_class = MODELS.get(model)
    size, channels = network_class.default_size, network_class.default_channels
    try:
        network = network_class(num_classes=3, size=size, channels=channels).eval().requires_grad_(False)
    except MissingExtraError as error:
        pytest.skip(str(error))
    for name in CAMS:
        heat = METHODS.get(name)().attribute(network, torch.rand(1, channels, size, size), torch.tensor([0]))
        assert heat.ndim == 3
        assert min(heat.shape[1:]) >= 2
        assert torch.isfinite(heat).all()
