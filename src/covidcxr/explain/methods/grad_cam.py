"""Grad-CAM: the last spatial map, its channels weighted by their mean gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from covidcxr.explain.method import Method, map_and_gradient
from covidcxr.explain.methods import METHODS

if TYPE_CHECKING:
    from torch import Tensor

    from covidcxr.models.network import ChestNetwork


@METHODS.register("grad-cam")
class GradCam(Method):
    """Grad-CAM; the part below zero is kept, as evidence against the class."""

    title: ClassVar[str] = "Grad-CAM"
    citation: ClassVar[str] = "Selvaraju 2017, arXiv:1610.02391"
    needs_map: ClassVar[bool] = True

    def attribute(self, network: ChestNetwork, images: Tensor, targets: Tensor) -> Tensor:
        """Return the signed attribution (N, h, w); see `Method.attribute`."""
        features, gradient = map_and_gradient(network, images, targets)
        return (features * gradient.mean(dim=(2, 3), keepdim=True)).sum(dim=1)
