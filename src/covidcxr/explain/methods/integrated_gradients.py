"""Integrated gradients, through captum, from the image's own mean gray."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from covidcxr.core.errors import MissingExtraError
from covidcxr.explain.method import Method
from covidcxr.explain.methods import METHODS

if TYPE_CHECKING:
    from torch import Tensor

    from covidcxr.models.network import ChestNetwork

_STEPS = 24


@METHODS.register("integrated-gradients")
class IntegratedGradients(Method):
    """Integrated gradients over 24 Gauss-Legendre steps; needs no spatial map.

    The start is each image's mean gray and not black: black means air, which would make dark lungs count for nothing.
    """

    title: ClassVar[str] = "integrated gradients"
    citation: ClassVar[str] = "Sundararajan 2017, arXiv:1703.01365"
    cost: ClassVar[int] = _STEPS

    def attribute(self, network: ChestNetwork, images: Tensor, targets: Tensor) -> Tensor:
        """Return the signed attribution (N, S, S); see `Method.attribute`."""
        try:
            from captum.attr import IntegratedGradients as Captum
        except ImportError:
            raise MissingExtraError("captum", "explain", self.title) from None
        start = images.mean(dim=(1, 2, 3), keepdim=True).expand_as(images)
        # captum's own batching keeps memory at that of one forward pass of this many images.
        found: Tensor = Captum(network).attribute(
            images, baselines=start, target=targets, n_steps=_STEPS, internal_batch_size=max(_STEPS, len(images))
        )
        return found.detach().sum(dim=1)
