"""Occlusion, through captum: how much the logit falls when a square of the image turns gray."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from covidcxr.core.errors import MissingExtraError
from covidcxr.explain.method import Method
from covidcxr.explain.methods import METHODS

if TYPE_CHECKING:
    from torch import Tensor

    from covidcxr.models.network import ChestNetwork

_WINDOWS = 16  # windows along a side; each is two steps wide


@METHODS.register("occlusion")
class Occlusion(Method):
    """Occlusion by squares of an eighth of the side that overlap by half; needs no gradient and no map."""

    title: ClassVar[str] = "occlusion"
    citation: ClassVar[str] = "Zeiler & Fergus 2014, arXiv:1311.2901"
    cost: ClassVar[int] = _WINDOWS * _WINDOWS

    def attribute(self, network: ChestNetwork, images: Tensor, targets: Tensor) -> Tensor:
        """Return the signed attribution (N, S, S); see `Method.attribute`."""
        try:
            from captum.attr import Occlusion as Captum
        except ImportError:
            raise MissingExtraError("captum", "explain", self.title) from None
        import torch

        step = max(1, images.shape[-1] // _WINDOWS)
        window = (images.shape[1], 2 * step, 2 * step)
        gray = images.mean(dim=(1, 2, 3), keepdim=True).expand_as(images)
        with torch.inference_mode():
            found: Tensor = Captum(network).attribute(
                images,
                sliding_window_shapes=window,
                strides=(images.shape[1], step, step),
                baselines=gray,
                target=targets,
                perturbations_per_eval=4,
            )
        return found.sum(dim=1)
