"""The explainer: a bundle and a method, images in, explanations out.

The network runs in torch, because a gradient is needed; lung fields come from `covidcxr.imaging.lungs.segment`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from covidcxr.core.errors import ExplainError
from covidcxr.core.labels import find_label
from covidcxr.core.types import PreprocessSpec, Radiograph
from covidcxr.explain.explanation import Explanation, judge
from covidcxr.explain.faithfulness import Checks, check, shuffled_network
from covidcxr.explain.method import Method
from covidcxr.explain.methods import METHODS
from covidcxr.imaging.lungs.region import lung_region
from covidcxr.imaging.lungs.segment import Box, LungFields, segment_lungs_batch
from covidcxr.imaging.preprocess import preprocess
from covidcxr.models.bundle import Bundle
from covidcxr.models.devices import choose_device

if TYPE_CHECKING:
    from torch import Tensor

    from covidcxr.models.network import ChestNetwork

DEFAULT_METHOD = "grad-cam"
_MAX_COMPARED_COST = 4  # passes an image; the others would multiply the time of the checks


class Explainer:
    """A network that explains itself.

    Attributes:
        network: In evaluation mode, on ``device``.
        classes: In the order of its outputs.
        spec: How an image becomes its input.
        method_name: In ``METHODS``.
    """

    def __init__(
        self,
        network: ChestNetwork,
        *,
        classes: Sequence[str],
        spec: PreprocessSpec,
        method: str = DEFAULT_METHOD,
        temperature: float = 1.0,
        device: str = "cpu",
        batch_size: int = 16,
    ) -> None:
        import torch

        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.classes = tuple(classes)
        self.spec = spec
        self.method_name = method
        self.method = METHODS.get(method)()
        self.temperature = temperature
        self.batch_size = batch_size

    @classmethod
    def load(cls, bundle: Path | str | Bundle, *, method: str = DEFAULT_METHOD, device: str = "auto") -> Explainer:
        """Load the network of a bundle.

        Raises:
            BundleError: If the bundle is missing, partial or altered, or there is no such device here.
            RegistryError: If there is no such method.
        """
        METHODS.get(method)
        loaded = bundle if isinstance(bundle, Bundle) else Bundle.load(bundle)
        info = loaded.info
        return cls(
            loaded.network(),
            classes=info.classes,
            spec=info.preprocess.spec(),
            method=method,
            temperature=info.temperature,
            device=choose_device(device),
        )

    def explain(
        self,
        radiograph: Radiograph,
        *,
        target: str | None = None,
        lungs: LungFields | None = None,
        checks: bool = False,
    ) -> Explanation:
        """Return the explanation of one image.

        Args:
            radiograph: The image.
            target: The class to explain; None takes the predicted one.
            lungs: Its lung fields, if they are known already.
            checks: Whether to make the (slower) faithfulness checks.

        Raises:
            ExplainError: If the network cannot be explained by this method, the lung fields do not fit the image, or
                ``target`` is no class of the bundle.
        """
        known = None if lungs is None else [lungs]
        return next(self.explain_all([radiograph], target=target, lungs=known, checks=checks))

    def explain_all(
        self,
        radiographs: Iterable[Radiograph],
        *,
        target: str | None = None,
        lungs: Iterable[LungFields] | None = None,
        checks: bool = False,
    ) -> Iterator[Explanation]:
        """Yield the explanations of many images in their order, a batch at a time through the network.

        Raises:
            ExplainError: As `explain`.
        """
        wanted = None if target is None else self._class_number(target)
        known = None if lungs is None else iter(lungs)
        for films in _chunks(radiographs, max(1, self.batch_size // self.method.cost)):
            fields = (
                list(segment_lungs_batch(films, batch_size=self.batch_size))
                if known is None
                else [next(known) for _ in films]
            )
            regions = self._regions(films, fields if known is None else None)
            yield from self._batch(films, fields, regions, wanted, checks=checks)

    def probabilities(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return calibrated probabilities (N, classes) of preprocessed images (N, C, S, S)."""
        import torch

        with torch.inference_mode():
            logits = self.network(torch.from_numpy(images).to(self.device)).cpu().double() / self.temperature
            found: NDArray[np.float64] = logits.softmax(dim=1).numpy()
        return found

    def _regions(self, films: Sequence[Radiograph], fields: Sequence[LungFields] | None) -> list[Box | None]:
        """Return the box of each image that the network sees; its own lung fields decide, not a mask someone gave."""
        if self.spec.region == "film":
            return [None] * len(films)
        return [lung_region(found) for found in fields or segment_lungs_batch(films, batch_size=self.batch_size)]

    def _batch(
        self,
        films: Sequence[Radiograph],
        fields: Sequence[LungFields],
        regions: Sequence[Box | None],
        wanted: int | None,
        *,
        checks: bool,
    ) -> Iterator[Explanation]:
        import torch

        for film, lungs in zip(films, fields, strict=True):
            if lungs.right.shape != film.pixels.shape:
                raise ExplainError(
                    f"{film.origin}: lung fields of {lungs.right.shape} for an image of {film.pixels.shape}; expected "
                    "one size: scale the mask to the image"
                )
        inputs = np.stack([preprocess(film, self.spec) for film in films]).astype(np.float32)
        probabilities = self.probabilities(inputs)
        targets = probabilities.argmax(axis=1) if wanted is None else np.full(len(films), wanted)
        images = torch.from_numpy(inputs).to(self.device)
        maps = self.method.attribute(self.network, images, torch.from_numpy(targets).to(self.device))
        signed = np.asarray(maps.float().cpu().numpy(), np.float32)
        for row, (film, lungs) in enumerate(zip(films, fields, strict=True)):
            number = int(targets[row])
            yield judge(
                film,
                signed[row],
                lungs,
                spec=self.spec,
                method=self.method_name,
                target=self.classes[number],
                probability=float(probabilities[row, number]),
                region=regions[row],
                checks=self._check(images[row], number, signed[row]) if checks else None,
            )

    @functools.cached_property
    def _shuffled(self) -> ChestNetwork:
        return shuffled_network(self.network)

    @functools.cached_property
    def _compared(self) -> tuple[dict[str, Method], dict[str, str]]:
        others: dict[str, Method] = {}
        left_out: dict[str, str] = {}
        for name, method in METHODS.items():
            if name == self.method_name:
                continue
            if method.cost > _MAX_COMPARED_COST:
                left_out[name] = f"takes about {method.cost} passes an image; explain with --method {name} to compare"
                continue
            try:
                self._try(method())
            except ExplainError as error:
                left_out[name] = str(error)
            else:
                others[name] = method()
        return others, left_out

    @property
    def not_compared(self) -> dict[str, str]:
        """Methods that checks do not lay beside this one, and why."""
        return self._compared[1]

    def check_network(self) -> None:
        """Try the method on a blank image.

        Raises:
            ExplainError: If the network cannot be explained by it.
            MissingExtraError: If a package that the method needs is not installed.
        """
        self._try(self.method)

    def _try(self, method: Method) -> None:
        import torch

        size = self.spec.size
        blank = torch.zeros((1, self.spec.channels, size, size), device=self.device)
        method.attribute(self.network, blank, torch.zeros(1, dtype=torch.int64, device=self.device))

    def _class_number(self, name: str) -> int:
        label = find_label(name, self.classes)
        if label is None:
            raise ExplainError(f"--class {name!r}: none of the bundle's classes; name one of {', '.join(self.classes)}")
        return self.classes.index(label)

    def _check(self, image: Tensor, target: int, signed: NDArray[np.float32]) -> Checks:
        return check(
            self.network,
            self.method,
            image,
            target,
            signed,
            score=lambda images: self.probabilities(images)[:, target],
            shuffled=self._shuffled,
            others=self._compared[0],
        )


def _chunks(items: Iterable[Radiograph], size: int) -> Iterator[list[Radiograph]]:
    chunk: list[Radiograph] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
