"""Grad-CAM++: Grad-CAM with weights that count each place of the map by how strongly it speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from covidcxr.explain.method import Method, map_and_gradient
from covidcxr.explain.methods import METHODS

if TYPE_CHECKING:
    from torch import Tensor

    from covidcxr.models.network import ChestNetwork


@METHODS.register("grad-cam++")
class GradCamPlusPlus(Method):
    """Grad-CAM++, equation 19 of the paper: the class score is taken as the exponential of the logit."""

    title: ClassVar[str] = "Grad-CAM++"
    citation: ClassVar[str] = "Chattopadhay 2018, arXiv:1710.11063"
    needs_map: ClassVar[bool] = True

    def attribute(self, network: ChestNetwork, images: Tensor, targets: Tensor) -> Tensor:
        """Return the signed attribution (N, h, w); see `Method.attribute`."""
        features, gradient = map_and_gradient(network, images, targets)
        squared, cubed = gradient.square(), gradient.pow(3)
        denominator = 2.0 * squared + features.sum(dim=(2, 3), keepdim=True) * cubed
        alpha = (squared / denominator).where(denominator.abs() > 1e-12, squared.new_zeros(()))
        weights = (alpha * gradient.clamp(min=0)).sum(dim=(2, 3), keepdim=True)
        return (features * weights).sum(dim=1)
