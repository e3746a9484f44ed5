"""The one function that runs an export by name, and the check of its parity."""

from __future__ import annotations

from pathlib import Path

from covidcxr.core.errors import BundleError
from covidcxr.export import EXPORTERS
from covidcxr.export.parity import Parity
from covidcxr.export.request import TOLERANCE, ExportRequest, ExportResult, Input, Variant
from covidcxr.models.bundle import Bundle


def export_bundle(
    bundle: Path | str,
    to: str,
    out: Path | None = None,
    *,
    variant: Variant = "fp32",
    data: Path | None = None,
    input: Input = "film",
) -> ExportResult:
    """Export the bundle in a folder to the format called ``to``.

    Raises:
        RegistryError: If there is no such format.
        BundleError: If the bundle is faulty or cannot be expressed in it, or the result strays from the original.
        MissingExtraError: If a library is not installed.
        OutputError: If the place cannot be written.
    """
    exporter = EXPORTERS.get(to)
    return exporter(ExportRequest(bundle=Bundle.load(Path(bundle)), out=out, variant=variant, data=data, input=input))


def check_parity(parity: Parity, what: Path | str) -> Parity:
    """Return ``parity`` if it is within `TOLERANCE`.

    Raises:
        BundleError: If it is not.
    """
    if parity.largest_difference > TOLERANCE:
        raise BundleError(
            f"{what}: its probabilities differ from the bundle's by up to {parity.largest_difference:.2g}, expected at "
            f"most {TOLERANCE:g}; the export is not kept"
        )
    return parity
