"""What every attribution method promises, and what those that look at the last spatial map share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from covidcxr.core.errors import ExplainError

if TYPE_CHECKING:
    from torch import Tensor

    from covidcxr.models.network import ChestNetwork


class Method(ABC):
    """An attribution method; one subclass a file, registered in ``METHODS``.

    Attributes:
        title: For people.
        needs_map: Whether it needs the network to have a spatial map; a network without one takes one of the others.
        citation: Where it was published.
        cost: Forward and backward passes an image, about, for choosing batch sizes.
    """

    title: ClassVar[str]
    citation: ClassVar[str]
    needs_map: ClassVar[bool] = False
    cost: ClassVar[int] = 1

    @abstractmethod
    def attribute(self, network: ChestNetwork, images: Tensor, targets: Tensor) -> Tensor:
        """Return the signed attribution (N, h, w) of ``targets``.

        Args:
            network: In evaluation mode.
            images: Float (N, C, S, S), preprocessed.
            targets: Int64 (N,): the class that is explained.

        Returns:
            Positive where the image speaks for the class; h and w may be smaller than S.

        Raises:
            ExplainError: If the network does not have what the method needs.
            MissingExtraError: If a package it needs is not installed.
        """


def map_and_gradient(network: ChestNetwork, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the last spatial map (N, C, h, w) and the gradient of each image's target logit with respect to it.

    Raises:
        ExplainError: If the network has no spatial map, or one that its logits do not depend on.
    """
    import torch

    with torch.enable_grad():
        watched = images.detach().requires_grad_(True)
        logits, features = network.forward_with_features(watched)
        if features.ndim != 4 or min(features.shape[2:]) < 2:
            raise ExplainError(
                f"{type(network).__name__} has no spatial feature map (found shape {tuple(features.shape)}, expected "
                "(N, C, h, w) with h, w of at least 2); take --method integrated-gradients or occlusion instead"
            )
        chosen = logits.gather(1, targets[:, None]).sum()
        (gradient,) = torch.autograd.grad(chosen, features, allow_unused=True)
    if gradient is None:
        raise ExplainError(
            f"{type(network).__name__}: the logits do not depend on its spatial map; take --method "
            "integrated-gradients or occlusion instead"
        )
    return features.detach(), gradient.detach()
