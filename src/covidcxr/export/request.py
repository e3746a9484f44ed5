"""What an export is asked for and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from covidcxr.core.notice import NOTICE
from covidcxr.export.parity import Parity
from covidcxr.models.bundle import Bundle

Variant = Literal["fp32", "int8", "bf16"]
Input = Literal["film", "preprocessed"]
TOLERANCE = 1e-4  # between fp32 probabilities of two runtimes
NO_GATE = (
    "No input gate is inside: a photograph, a lateral or an inverted image gets probabilities too. Ask `covidcxr gate` "
    "of each picture first."
)


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """What to export.

    Attributes:
        bundle: The bundle, verified.
        out: Where to; None puts what can be put into the bundle itself.
        variant: ``fp32`` keeps every number; ``int8`` stores dense weights in eight bits; ``bf16`` computes in
            bfloat16 where the runtime can.
        data: Dataset whose test part is used to measure what a variant changes; None uses computed images.
        input: ``film`` puts the preprocessing into the export; ``preprocessed`` exports the network alone, for what
            cannot be computed inside a graph (the region of the lungs, histogram equalisation).
    """

    bundle: Bundle
    out: Path | None = None
    variant: Variant = "fp32"
    data: Path | None = None
    input: Input = "film"


@dataclass(frozen=True, kw_only=True)
class ExportResult:
    """What was written, and how near it is to the bundle.

    Attributes:
        path: The file or folder.
        parity: Probabilities of the export beside those of the bundle's own weights.
        notes: What a user of the export should know.
    """

    path: Path
    parity: Parity
    notes: tuple[str, ...] = field(default=())

    def document(self) -> dict[str, Any]:
        """Return it as a JSON-able dictionary."""
        return {
            "path": str(self.path),
            "parity": self.parity.document(),
            "notes": list(self.notes),
            "notice": NOTICE,
        }


Exporter = Callable[[ExportRequest], ExportResult]
