"""The lung fraction of inputs that are preprocessed already, for whoever predicts and wants that one number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from covidcxr.explain.focus import counted, positive, share_inside
from covidcxr.models.bundle import Bundle

if TYPE_CHECKING:
    from covidcxr.explain.explainer import Explainer


class LungFractions:
    """Grad-CAM of preprocessed images, and how much of each lies inside the lungs."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer

    @classmethod
    def of_bundle(cls, bundle: Bundle, device: str) -> LungFractions:
        """Load a bundle's network, in torch whatever else predicts with it.

        Raises:
            ExplainError: If the network has no spatial map.
            BundleError: If there is no such device here.
        """
        from covidcxr.explain.explainer import Explainer

        explainer = Explainer.load(bundle, device=device)
        explainer.check_network()
        return cls(explainer)

    def __call__(
        self, images: NDArray[np.float32], targets: Sequence[int], lungs: Sequence[NDArray[np.bool_]]
    ) -> list[float | None]:
        """Return the share of the evidence for each target that lies inside the lungs; None where there is none.

        Args:
            images: (N, 1, S, S), the one of the network's equal channels.
            targets: N classes, by their place.
            lungs: N masks (S, S) of the same part of the image.
        """
        import torch

        explainer, found = self._explainer, []
        for start in range(0, len(images), explainer.batch_size):
            part = slice(start, start + explainer.batch_size)
            channels = torch.from_numpy(np.repeat(images[part], explainer.spec.channels, axis=1))
            maps = explainer.method.attribute(
                explainer.network, channels.to(explainer.device), torch.tensor(targets[part], device=explainer.device)
            )
            for signed, mask in zip(maps.float().cpu().numpy(), lungs[part], strict=True):
                heat = positive(cv2.resize(signed, mask.shape[::-1], interpolation=cv2.INTER_LINEAR))
                found.append(share_inside(counted(heat), mask))
        return found
