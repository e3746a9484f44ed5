"""HiRes-CAM: map times gradient place by place, which for a network that averages its map is exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from covidcxr.explain.method import Method, map_and_gradient
from covidcxr.explain.methods import METHODS

if TYPE_CHECKING:
    from torch import Tensor

    from covidcxr.models.network import ChestNetwork


@METHODS.register("hires-cam")
class HiResCam(Method):
    """HiRes-CAM."""

    title: ClassVar[str] = "HiRes-CAM"
    citation: ClassVar[str] = "Draelos & Carin 2020, arXiv:2011.08891"
    needs_map: ClassVar[bool] = True

    def attribute(self, network: ChestNetwork, images: Tensor, targets: Tensor) -> Tensor:
        """Return the signed attribution (N, h, w); see `Method.attribute`."""
        features, gradient = map_and_gradient(network, images, targets)
        return (features * gradient).sum(dim=1)
