"""Any convolutional network of timm (Apache-2.0) under the name ``timm:NAME``, for those who have torchvision.

timm needs torchvision, whose build must be that of the installed torch; the extra ``timm`` brings both. It is imported
when such a network is built. Its pretrained weights are not fetched: name a file in ``network.weights``.
"""

from __future__ import annotations

from torch import Tensor

from covidcxr.core.errors import MissingExtraError, RecipeError
from covidcxr.models.network import ChestNetwork

PREFIX = "timm:"


class TimmNetwork(ChestNetwork):
    """A network of timm that has a map (N, C, h, w) before its classifier.

    Args:
        architecture: Its name in timm.
        num_classes: Outputs.
        size: Rows and columns of the input.
        channels: Input channels.
        options: Given to ``timm.create_model``.

    Raises:
        MissingExtraError: If timm, or the torchvision it needs, cannot be imported.
        RecipeError: If timm has no such network, or cannot build it so.
    """

    def __init__(
        self, *, architecture: str, num_classes: int = 3, size: int = 224, channels: int = 3, **options: object
    ) -> None:
        super().__init__(num_classes=num_classes, size=size, channels=channels)
        try:
            import timm
        except (ImportError, RuntimeError) as error:  # a torchvision of another build raises RuntimeError
            raise MissingExtraError(
                "timm with a torchvision that fits torch", "timm", f"the network {PREFIX}{architecture}"
            ) from error
        self.architecture = architecture
        try:
            self.network = timm.create_model(
                architecture, pretrained=False, num_classes=num_classes, in_chans=channels, **options
            )
        except (RuntimeError, ValueError, TypeError, AssertionError) as error:
            raise RecipeError(f"network {PREFIX}{architecture}: timm cannot build it: {error}") from error

    def forward_with_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, num_classes) and timm's last map (N, C, h, w).

        Raises:
            RecipeError: If the network has no such map, as transformers have not.
        """
        features = self.network.forward_features(images.expand(-1, self.channels, -1, -1))
        if features.ndim != 4 or features.shape[1] != self.network.num_features:
            raise RecipeError(
                f"network {PREFIX}{self.architecture}: its last map has the shape {tuple(features.shape)}, expected "
                f"(N, {self.network.num_features}, h, w); take a convolutional network"
            )
        return self.network.forward_head(features), features
