"""What a backend promises: preprocessed images in, logits out, on a device that it names."""

from __future__ import annotations

import abc
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from covidcxr.models.bundle import Bundle

Precision = Literal["fp32", "bf16", "int8"]


class Backend(abc.ABC):
    """One loaded network; its library is imported when it is made, not before.

    Attributes:
        name: As registered.
        device: What it runs on, as results report it.
        is_rounded: Whether it computes in fewer bits with OpenVINO, so that the gate's networks may, too.
    """

    name: ClassVar[str]
    device: str
    is_rounded: bool = False

    @abc.abstractmethod
    def __init__(self, bundle: Bundle, *, device: str, precision: Precision) -> None:
        """Load the network of ``bundle``.

        Raises:
            BundleError: If the bundle does not hold what this backend needs.
            MissingExtraError: If its library is not installed.
        """

    @staticmethod
    @abc.abstractmethod
    def suits(bundle: Bundle, device: str) -> bool:
        """Tell, without importing the library, whether this backend could run ``bundle`` on ``device``."""

    @abc.abstractmethod
    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (N, classes) logits of float32 (N, 1, S, S) preprocessed images.

        One channel stands for as many equal ones as the network has.
        """
